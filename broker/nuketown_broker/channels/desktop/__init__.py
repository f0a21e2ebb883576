"""Popups on the human's own display, made with zenity (docs/desktop.md)."""

from nuketown_broker.channels.desktop.channel import DesktopChannel
from nuketown_broker.channels.desktop.display import Display, display_problem, find_display
from nuketown_broker.channels.desktop.reach import display_open_to

__all__ = ["DesktopChannel", "Display", "display_open_to", "display_problem", "find_display"]
