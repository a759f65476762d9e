package templates

// class is a way of asking for a package, as the server-only form tells it by
// a nested location.
type class struct {
	Comment string
	Pattern string // "" is everything else
	Age     string // Cache-Control of a file
	Miss    string // the named location that asks the daemon
	Meta    string // below the internal prefix, asks for metadata
	At      bool   // the spelling name@version lands here
}

// ages holds the Cache-Control of a file by the way it was asked for.
type agesOf struct{ Exact, Main, Float string }

// ages returns them. Only an exact version never changes.
func ages() agesOf {
	return agesOf{
		Exact: "public, max-age=31536000, immutable",
		Main:  "public, max-age=60, stale-while-revalidate=600",
		Float: "public, max-age=60",
	}
}

// classes lists the nested locations, most frequent first.
func classes(exact, main string) []class {
	return []class{
		{"An exact version never changes.", exact, ages().Exact, "@registryd_exact", ".meta-exact", false},
		{"main is moved by hand.", main, ages().Main, "@registryd_exact", ".meta", false},
		{"All else is a range or a tag.", "", ages().Float, "@registryd_float", ".meta", true},
	}
}

// meta is one internal location that answers ?meta.
type meta struct {
	Name  string
	Exact bool // its answers may be kept
}

// metas lists them. With accel off one is enough, as nothing but redirects is
// kept then.
func metas(accelOff bool) []meta {
	if accelOff {
		return []meta{{".meta", false}}
	}
	return []meta{{".meta", false}, {".meta-exact", true}}
}
