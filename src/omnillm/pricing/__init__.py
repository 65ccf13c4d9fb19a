"""What calls cost: prices, the built-in list of them, and the arithmetic. Pure: whoever wants the list brings its bytes."""
