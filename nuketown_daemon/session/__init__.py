"""Running Claude Code on a task: in tmux, or headless through claude-agent-sdk."""
