"""`omnillm.yaml` -> `Settings`: strict, every problem told at once with its place, no secret ever shown.

values.py reads scalars, settings.py is the shape of the file, document.py the YAML, substitution.py `${NAME}`, schema.py walks one
along the other, checks.py holds what no single value can tell, configured.py says what it means for the layers below.
"""
