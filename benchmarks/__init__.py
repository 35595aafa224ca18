"""The asv suite: what fastnet costs, followed over commits; `nox -s asv` runs it, asv.conf.json says how."""
