"""What every feature builds on: the frame of the page, icons, colours, formats, shared ids."""
