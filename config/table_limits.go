package config

import "math"

// maxDuration is the longest time that makes sense anywhere: ten years.
const maxDuration = int64(10 * 365 * 24 * 3600 * 1e9)

// limitRows are the keys that bound what a request may cost.
func limitRows() []row {
	rows := append(archiveRows(), requestRows()...)
	rows = append(rows, timeoutRows()...)
	return append(rows, cacheRows()...)
}

func archiveRows() []row {
	return []row{
		{Key: Key{Path: "limits.tarball", Type: TypeSize, Min: 1, Max: math.MaxInt64, Default: "256MiB", Reload: ByReload,
			Doc: "Largest tarball.", Example: "64MiB"},
			field: func(t target) any { return &t.cfg.Limits.Tarball }},
		{Key: Key{Path: "limits.unpacked", Type: TypeSize, Min: 1, Max: math.MaxInt64, Default: "1GiB", Reload: ByReload,
			Doc: "Largest sum of the files of one archive.", Example: "512MiB"},
			field: func(t target) any { return &t.cfg.Limits.Unpacked }},
		{Key: Key{Path: "limits.entries", Type: TypeInt, Min: 1, Max: math.MaxInt32, Default: "100000", Reload: ByReload,
			Doc: "Most files and folders of one archive.", Example: "50000"},
			field: func(t target) any { return &t.cfg.Limits.Entries }},
		{Key: Key{Path: "limits.path", Type: TypeInt, Min: 1, Max: 4096, Default: "1024", Reload: ByReload,
			Doc: "Longest path of a file inside an archive, in bytes.", Example: "512"},
			field: func(t target) any { return &t.cfg.Limits.Path }},
		{Key: Key{Path: "limits.depth", Type: TypeInt, Min: 1, Max: 1024, Default: "128", Reload: ByReload,
			Doc: "Most folders above a file inside an archive.", Example: "32"},
			field: func(t target) any { return &t.cfg.Limits.Depth }},
	}
}

func requestRows() []row {
	return []row{
		{Key: Key{Path: "limits.document", Type: TypeSize, Min: 1, Max: math.MaxInt64, Default: "256MiB", Reload: ByReload,
			Doc: "Largest document of a package that is read from upstream.", Example: "64MiB"},
			field: func(t target) any { return &t.cfg.Limits.Document }},
		{Key: Key{Path: "limits.body", Type: TypeSize, Min: 1, Max: math.MaxInt64, Default: "64MiB", Reload: ByReload,
			Doc: "Largest body of a request.", Example: "8MiB"},
			field: func(t target) any { return &t.cfg.Limits.Body }},
		{Key: Key{Path: "limits.upstream_concurrency", Type: TypeInt, Min: 1, Max: 10000, Default: "32", Reload: ByReload,
			Doc: "Most requests in flight to one upstream host.", Example: "8"},
			field: func(t target) any { return &t.cfg.Limits.UpstreamConcurrency }},
	}
}

func timeoutRows() []row {
	return []row{
		{Key: Key{Path: "timeouts.connect", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "5s", Reload: ByReload,
			Doc: "To connect upstream, TLS included.", Example: "2s"},
			field: func(t target) any { return &t.cfg.Timeouts.Connect }},
		{Key: Key{Path: "timeouts.header", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "10s", Reload: ByReload,
			Doc: "Until the header of an answer from upstream.", Example: "5s"},
			field: func(t target) any { return &t.cfg.Timeouts.Header }},
		{Key: Key{Path: "timeouts.stall", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "30s", Reload: ByReload,
			Doc: "Without one byte of a body from upstream.", Example: "10s"},
			field: func(t target) any { return &t.cfg.Timeouts.Stall }},
		{Key: Key{Path: "timeouts.total", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "5m", Reload: ByReload,
			Doc: "For one request upstream with its body.", Example: "2m"},
			field: func(t target) any { return &t.cfg.Timeouts.Total }},
		{Key: Key{Path: "timeouts.drain", Type: TypeDuration, Min: 1e6, Max: maxDuration, Default: "30s", Reload: ByReload,
			Doc: "For requests in flight when the daemon stops.", Example: "1m"},
			field: func(t target) any { return &t.cfg.Timeouts.Drain }},
	}
}

func cacheRows() []row {
	return []row{
		{Key: Key{Path: "cache.max_bytes", Type: TypeSize, Max: math.MaxInt64, Default: "0", Reload: ByReload,
			Doc: "Most bytes of packages kept on disk. Beyond it releases are evicted, those used least recently first, until nine tenths are left. 0 is unlimited.", Example: "100GB"},
			field: func(t target) any { return &t.cfg.Cache.MaxBytes }},
		{Key: Key{Path: "cache.max_files", Type: TypeInt, Max: math.MaxInt64, Default: "0", Reload: ByReload,
			Doc: "Most files and directories of packages kept on disk; as `cache.max_bytes`.", Example: "1000000"},
			field: func(t target) any { return &t.cfg.Cache.MaxFiles }},
		{Key: Key{Path: "cache.packs", Type: TypeSize, Max: math.MaxInt64, Default: "1GiB", Reload: ByReload,
			Doc: "Most bytes of unpacked archives, from which files are taken. 0 is unlimited.", Example: "4GiB"},
			field: func(t target) any { return &t.cfg.Cache.Packs }},
		{Key: Key{Path: "cache.access_log", Type: TypePath, Otherwise: "not read", Reload: ByReload,
			Doc:     "Access log of nginx, which tells what was used last where `root.fs` is mounted with noatime. The daemon must be able to read it.",
			Example: "/var/log/nginx/access.log"},
			field: func(t target) any { return &t.cfg.Cache.AccessLog }},
		{Key: Key{Path: "precompress.min", Type: TypeSize, Max: math.MaxInt64, Default: "256B", Reload: ByReload,
			Doc: "Smallest file of a text type that gets compressed copies (`.br`, `.gz`) beside it, in the background after it was first asked for.", Example: "1KiB"},
			field: func(t target) any { return &t.cfg.Precompress.Min }},
		{Key: Key{Path: "precompress.max", Type: TypeSize, Max: math.MaxInt64, Default: "16MiB", Reload: ByReload,
			Doc: "Largest such file. 0 makes no compressed copies.", Example: "0"},
			field: func(t target) any { return &t.cfg.Precompress.Max }},
	}
}
