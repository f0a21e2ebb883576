#!/bin/sh
# One of our programs, run by the project's environment: where this machine has it, and in a container, which
# sees it elsewhere (nuketown_demo/container.py), also behind a PrivateTmp= that hides a checkout below /tmp.
program=@program@ module=@module@
if [ -x /opt/environment/bin/python ]; then
    exec /opt/environment/bin/python -I -c '
import runpy, sys
sys.path[:0] = ["/opt/nuketown", "/opt/nuketown/broker"]
sys.argv[:2] = [sys.argv[1]]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
' "$module" "$@"
fi
exec "$program" "$@"
