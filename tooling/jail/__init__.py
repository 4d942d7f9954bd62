"""What runs on the far side of the sandbox; in confined child processes.

`tooling.sandbox` starts them. Nothing in here imports Django or the rest of Cortex: a child is a
bare interpreter (`python -I -S`) that has this folder on its path, and little else in its memory.
"""
