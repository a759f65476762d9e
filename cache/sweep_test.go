package cache_test

import "github.com/registryd/registryd/pkgref"

func denyAll(pkgref.Name, pkgref.Version) bool { return true }
