package unpacktest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// framing is what is no gzip, or a damaged one.
func framing() []Case {
	g := good()
	whole := Tgz(g, File("package/b.js", strings.Repeat("b", 5000)))
	fixed := func(at int, b byte) []byte {
		c := slices.Clone(whole)
		c[at] = b
		return c
	}
	return []Case{
		refused("no bytes", "truncated", []byte{}),
		refused("one byte", "truncated", []byte{0x1f}),
		refused("not gzip", "gzip", []byte("<html>not found</html>")),
		refused("plain tar", "gzip", Tar(g), "a.js"),
		refused("zlib", "gzip", append([]byte{0x78, 0x9c}, whole[10:]...), "a.js"),
		refused("zstandard", "gzip", append([]byte{0x28, 0xb5, 0x2f, 0xfd}, whole...), "a.js"),
		refused("xz", "gzip", append([]byte("\xfd7zXZ\x00"), whole...), "a.js"),
		refused("bzip2", "gzip", append([]byte("BZh91AY&SY"), whole...), "a.js"),
		refused("zeros before", "gzip", append(make([]byte, 512), whole...), "a.js"),
		refused("gzip within gzip", "truncated", Gzip(Tgz(g)), "a.js"),
		refused("garbage behind", "gzip", append(Tgz(g), "some garbage"...), "a.js"),
		refused("garbage behind zeros", "gzip", append(Tgz(g), "\x00\x00\x00some garbage"...), "a.js"),
		refused("another member behind zeros", "gzip", slices.Concat(Tgz(g), make([]byte, 600), Tgz(g)), "a.js"),
		refused("half a magic behind", "truncated", append(Tgz(g), 0x1f), "a.js"),
		refused("second member cut", "truncated", append(Tgz(g), Gzip([]byte("x"))[:12]...), "a.js"),
		refused("second member damaged", "gzip", append(Tgz(g), flipped(Gzip([]byte("x")), -6)...), "a.js"),
		refused("wrong checksum", "gzip", flipped(whole, -6), "a.js", "b.js"),
		refused("wrong length", "gzip", flipped(whole, -1), "a.js", "b.js"),
		refused("checksum of zeros", "gzip", append(slices.Clone(whole[:len(whole)-8]), make([]byte, 8)...), "a.js"),
		refused("unknown method", "gzip", fixed(2, 7), "a.js"),
		refused("wrong header checksum of gzip", "gzip", withHeader(whole, 2, "\x00\x00"), "a.js"),
		refused("gzip name without end", "truncated", withHeader(whole, 8, strings.Repeat("n", 300))[:200], "a.js"),
		refused("gzip name of 1 mib", "gzip", withHeader(whole, 8, strings.Repeat("n", 1<<20)+"\x00"), "a.js"),
		refused("gzip extra field that is cut", "truncated", withHeader(whole, 4, "\xff\xff"), "a.js"),
		refused("reserved block type", "gzip", append(slices.Clone(whole[:10]), 0x07, 0xff, 0xff)),
		refused("stored block of wrong length", "gzip", append(slices.Clone(whole[:10]), 0x01, 0x05, 0x00, 0x00, 0x00, 1, 2, 3, 4, 5)),
		refused("reference before the start", "gzip", append(slices.Clone(whole[:10]), backwards(Tar(g))...)),
		refused("random bytes", "gzip", append(slices.Clone(whole[:10]), noise(4096)...)),
	}
}

// backwards compresses data as if the very same had come before it.
func backwards(data []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, data)
	if err != nil {
		panic(err) // the level is a constant
	}
	// A buffer takes everything.
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// noise is n bytes without any order.
func noise(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// cuts are one archive that ends at many places.
func cuts() []Case {
	whole := Tgz(good(), File("package/noise", string(noise(3000))), File("package/b.js", strings.Repeat("b", 5000)))
	var cases []Case
	for _, at := range []int{2, 5, 9, 10, 11, 12, 40, 100, 500, 1000, 1500, 2000, 2500, 3000} {
		cases = append(cases, refused(fmt.Sprintf("cut after %d bytes", at), "truncated", whole[:at], "a.js", "b.js"))
	}
	for _, less := range []int{1, 2, 3, 4, 5, 7, 8, 9, 16} {
		cases = append(cases, refused(fmt.Sprintf("cut by %d bytes", less), "truncated", whole[:len(whole)-less], "a.js", "b.js"))
	}
	return cases
}

// counts are too many of something small.
func counts() []Case {
	g, limits := good(), Limits()
	over := limits.Entries + 1
	return []Case{
		refused("too many members", "entries", repeated(nil, g.Bytes(), over), "a.js"),
		refused("too many empty members", "entries", repeated(nil, File("package/e", "").Bytes(), over), "e"),
		refused("too many explicit folders", "entries", repeated(g.Bytes(), Dir("package/").Bytes(), over), "a.js"),
		refused("too many implied folders", "entries", Tgz(append([]Entry{g}, deepFiles(limits.Entries/100+1)...)...), "a.js", "d0/x"),
		refused("too many implied empty folders", "entries", Tgz(append([]Entry{g}, deepFolders(limits.Entries/100+1)...)...), "a.js"),
		refused("too many left out members", "entries", repeated(g.Bytes(), File("package/a\\b", "").Bytes(), over), "a.js"),
		refused("too many members without a root", "entries", repeated(g.Bytes(), File("x", "").Bytes(), over), "a.js"),
		refused("too many global headers", "meta", repeated(g.Bytes(), global("comment", "x").Bytes(), over), "a.js"),
		refused("too many gzip members", "entries", append(Tgz(g), bytes.Repeat(Gzip(nil), over)...), "a.js"),
		refused("too many filled gzip members", "entries", slices.Concat(Gzip(g.Bytes()), bytes.Repeat(Gzip(g.Bytes()), over)), "a.js"),
	}
}

// deepFiles are n files, each 100 directories of its own below the root.
func deepFiles(n int) []Entry {
	var entries []Entry
	for i := range n {
		path := fmt.Sprintf("package/d%d/", i) + strings.Repeat("d/", 99)
		entries = append(entries, Pax("path", path+"x"), File("x", ""))
	}
	return entries
}

// deepFolders is deepFiles without any file.
func deepFolders(n int) []Entry {
	var entries []Entry
	for i := range n {
		path := fmt.Sprintf("package/d%d/", i) + strings.Repeat("d/", 99)
		entries = append(entries, Pax("path", path), Dir("x/"))
	}
	return entries
}

// bombs are small and unpack to a lot.
func bombs() []Case {
	g := good()
	mib := make([]byte, 1<<20)
	comment := strings.Repeat("c", 900_000)
	padded := strings.Repeat("n", 900_000)
	return []Case{
		refused("bomb of one file", "unpacked", repeated(slices.Concat(g.Bytes(), Entry{Name: "package/big", Size: "00410000000"}.Bytes()), mib, 68), "big", "a.js"),
		refused("bomb of many files", "unpacked", often(g.Bytes(), File("package/big", string(mib)).Bytes(), 65), "big"),
		refused("bomb of left out files", "unpacked", often(g.Bytes(), File("package/a\\b", string(mib)).Bytes(), 65), "a.js"),
		refused("bomb behind the end", "unpacked", often(Tar(g), mib, 65), "a.js"),
		refused("bomb behind the end in members", "unpacked", append(Tgz(g), bytes.Repeat(Gzip(mib), 65)...), "a.js"),
		refused("bomb of zeros alone", "unpacked", often(nil, mib, 65)),
		refused("bomb of extended headers", "meta", often(nil, slices.Concat(Pax("comment", comment).Bytes(), g.Bytes()), 80), "a.js"),
		refused("bomb of global headers", "meta", often(g.Bytes(), global("comment", comment).Bytes(), 80), "a.js"),
		refused("bomb of records", "meta", often(nil, slices.Concat(manyRecords(60_000).Bytes(), g.Bytes()), 90), "a.js"),
		refused("bomb of long names", "meta", often(g.Bytes(), slices.Concat(Pax("path", padded).Bytes(), File("x", "").Bytes()), 60), "a.js"),
		refused("bomb of long gnu names", "meta", often(g.Bytes(), slices.Concat(Long('L', padded).Bytes(), File("x", "").Bytes()), 60), "a.js"),
		refused("bomb of a sparse map", "tar", often(slices.Concat(g.Bytes(), Pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0").Bytes(),
			Entry{Name: "package/s", Size: "00010000000"}.Bytes()), append([]byte("1000000\n"), bytes.Repeat([]byte("0\n"), 1<<19)...), 2), "s"),
		refused("claims a bomb and gives one", "unpacked", often(slices.Concat(Pax("size", "68719476736").Bytes(), File("package/big", "").Bytes()), mib, 66), "big"),
	}
}

// often is as repeated, in a gzip member for each part, which is much faster.
func often(head, body []byte, n int) []byte {
	return append(Gzip(head), bytes.Repeat(Gzip(body), n)...)
}
