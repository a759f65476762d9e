package server

import "github.com/registryd/registryd/config"

// Warnings names what is right in itself and will hardly be meant.
func Warnings(c *config.Config) []string { return nil }
