package provider_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

func list(t testing.TB, texts ...string) []provider.Listed {
	t.Helper()
	l := make([]provider.Listed, 0, len(texts))
	for _, s := range texts {
		l = append(l, provider.Listed{Version: providertest.ParseVersion(t, s)})
	}
	return l
}

func texts(l []provider.Listed) []string {
	s := make([]string, 0, len(l))
	for _, v := range l {
		s = append(s, v.Version.String())
	}
	return s
}

func TestSortListed(t *testing.T) {
	t.Parallel()
	l := list(t, "1.10.0", "1.2.0", "1.2.0+b", "2.0.0-rc.1", "1.2.0+a", "1.2.0", "2.0.0", "2.0.0-beta.11", "2.0.0-beta.2")
	l[5].Archive = &provider.Archive{URL: "last"}
	got := provider.SortListed(l)
	want := []string{"1.2.0", "1.2.0+a", "1.2.0+b", "1.10.0", "2.0.0-beta.2", "2.0.0-beta.11", "2.0.0-rc.1", "2.0.0"}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Error(diff)
	}
	if got[0].Archive == nil {
		t.Error("the first of two equal texts was kept")
	}
}

func TestIndex_PVT3(t *testing.T) {
	t.Parallel()
	vs := &provider.Versions{List: provider.SortListed(list(t, "1.0.0", "1.3.0", "1.3.0+a", "1.3.0+b", "1.3.1-rc.1", "2.0.0+x"))}
	for _, l := range vs.List {
		if i := vs.Index(l.Version.String()); i < 0 || vs.List[i].Version != l.Version {
			t.Errorf("%s: got %d", l.Version, i)
		}
	}
	for _, text := range []string{"", "2.0.0", "1.3.0+c", "1.3.1", "0.9.0", "9.0.0", "v1.0.0", "1.0", "latest"} {
		if i := vs.Index(text); i != -1 {
			t.Errorf("%q: got %d", text, i)
		}
	}
}

func TestTagVersion_PVT2(t *testing.T) {
	t.Parallel()
	vs := &provider.Versions{List: list(t, "1.0.0", "1.2.0", "2.0.0-rc.1")}
	check := func(tag, want string) {
		t.Helper()
		v, ok := vs.TagVersion(tag)
		if v.String() != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", tag, v, ok)
		}
	}
	check("latest", "1.2.0")
	check("next", "")
	vs.Tags = map[string]string{"latest": "1.0.0", "next": "2.0.0-rc.1", "gone": "3.0.0"}
	check("latest", "1.0.0")
	check("next", "2.0.0-rc.1")
	check("gone", "")
	vs = &provider.Versions{List: list(t, "2.0.0-rc.1")}
	check("latest", "")
}

func BenchmarkIndex(b *testing.B) {
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("1.%d.%d", i/50, i%50))
	}
	vs := &provider.Versions{List: provider.SortListed(list(b, names...))}
	b.ReportAllocs()
	for b.Loop() {
		if vs.Index("1.77.7") < 0 {
			b.Fatal("not found")
		}
	}
}
