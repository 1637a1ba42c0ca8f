"""How fast divert is on this machine."""
