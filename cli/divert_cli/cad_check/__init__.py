"""`divert cad-check`: whether a CAD and divert understand each other, in plain words.

``receiver`` plays divert's part against an integrator's webhook receiver, ``intake`` CAD's part against an intake, and
``stand_in`` is an intake that is away now and then, for the CAD itself to post to.
"""
