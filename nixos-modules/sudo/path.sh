# The agent's own sudo comes before /run/wrappers/bin (docs/sudo.md).
case $PATH in
@directory@:*) ;;
*) export PATH="@directory@${PATH:+:$PATH}" ;;
esac
