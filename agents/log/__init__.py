"""The log of a run: stores numbered events and wakes who reads them; in the web process."""
