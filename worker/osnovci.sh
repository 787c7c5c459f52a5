#!/bin/sh
# The command `osnovci` in images, where the package is copied and not installed.
exec /opt/osnovci/bin/python -c 'from osnovci.cli import main; main()' "$@"
