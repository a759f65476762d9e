package unpack

// PlainFile is plainFile, to compare it with the standard library.
var PlainFile = plainFile
