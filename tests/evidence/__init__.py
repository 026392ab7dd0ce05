"""How often the rules are right: fleets of which everything is known, judged as the service judges them."""
