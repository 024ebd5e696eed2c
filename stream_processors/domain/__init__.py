"""The pure core: no I/O, no clock, no Faust. Time is an argument, UTC-aware."""
