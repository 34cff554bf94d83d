"""How long things take, beside a floor."""
