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

// ages returns them. Only an exact version never changes. What is private is
// for nobody's cache but the client's own.
func ages(private bool) agesOf {
	whose := "public"
	if private {
		whose = "private"
	}
	return agesOf{
		Exact: whose + ", max-age=31536000, immutable",
		Main:  whose + ", max-age=60, stale-while-revalidate=600",
		Float: whose + ", max-age=60",
	}
}

// classes lists the nested locations, most frequent first.
func classes(exact, main string, private bool) []class {
	age, miss := ages(private), missed(private)
	return []class{
		{"An exact version never changes.", exact, age.Exact, miss + "exact", ".meta-exact", false},
		{"main is moved by hand.", main, age.Main, miss + "exact", ".meta", false},
		{"All else is a range or a tag.", "", age.Float, miss + "float", ".meta", true},
	}
}

// missed is how the names of the locations begin that ask the daemon.
func missed(private bool) string {
	if private {
		return "@registryd_private_"
	}
	return "@registryd_"
}

// meta is one internal location that answers ?meta.
type meta struct {
	Name  string
	Exact bool // its answers may be kept
	// Private answers only those who may read private packages.
	Private bool
}

// metas lists them. With accel off one is enough, as nothing but redirects is
// kept then.
func metas(accelOff, private bool) []meta {
	all := []meta{{Name: ".meta"}}
	if !accelOff {
		all = append(all, meta{Name: ".meta-exact", Exact: true})
	}
	if private {
		all = append(all, meta{Name: privateMeta, Private: true})
	}
	return all
}
