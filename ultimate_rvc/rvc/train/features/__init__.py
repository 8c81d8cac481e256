"""What is measured of each slice: its pitch and its content, and the list of what is trained on."""
