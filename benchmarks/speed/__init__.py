"""How long things take, beside floors."""
