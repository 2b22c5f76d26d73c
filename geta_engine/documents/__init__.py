"""What crosses a process or the wire, typed. No torch."""
