"""Elements of HTML that are closed and escaped by the way they are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

VOID = frozenset({"img", "meta"})


class Html(str):
    """Text that is HTML already; any other text is escaped."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | float) -> Html:
    """Return an element; `class_` stands for class, an underscore within a name for a hyphen."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Return parts one after the other, escaped where they are no HTML."""
    return Html(between.join(part if isinstance(part, Html) else escape(part) for part in parts))


def section(title: str, *content: str) -> Html:
    """Return a section under a heading."""
    return tag("section", tag("h2", title), *content)


def facts(rows: Mapping[str, str]) -> Html:
    """Return names and what they stand for, as a table."""
    return tag("table", *(tag("tr", tag("th", name, scope="row"), tag("td", text)) for name, text in rows.items()),
               class_="facts")  # fmt: skip


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table whose first column names the rows."""
    body = [tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in cells)) for first, *cells in rows]
    top = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    return captioned(caption, tag("table", top, tag("tbody", *body)))


def captioned(caption: str, content: Html) -> Html:
    """Return a table under its caption, in a box that scrolls sideways, by keyboard too, where it is too wide."""
    box = tag("div", content, class_="scroll", role="region", aria_label=caption, tabindex=0)
    return tag("figure", tag("figcaption", caption), box)


def page(title: str, style: str, *content: str) -> str:
    """Return a whole document, which may load nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(style)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', tag('main', *content)), lang='en')}\n"
