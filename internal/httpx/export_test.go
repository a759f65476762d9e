package httpx

// Rows is how many rows the table has, that of our own faults included.
func Rows() int { return len(table) + 1 }
