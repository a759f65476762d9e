package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Limits of size, in lines.
const (
	maxFunc, maxFile         = 80, 600
	maxTestFunc, maxTestFile = 150, 1000
)

// contracts are the packages in which a method that can fail says how.
var contracts = []string{"provider", "cache", "registry"}

// parsed is one file of the module.
type parsed struct {
	path string // within the module
	fset *token.FileSet
	file *ast.File
}

func (p parsed) test() bool { return strings.HasSuffix(p.path, "_test.go") }

func (p parsed) lines(n ast.Node) int {
	return p.fset.Position(n.End()).Line - p.fset.Position(n.Pos()).Line + 1
}

// at says where a node is.
func (p parsed) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", p.path, p.fset.Position(n.Pos()).Line)
}

// root returns the directory of the module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources returns all Go files of the module.
func sources(t *testing.T) []parsed {
	t.Helper()
	list, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("only %d files found", len(list))
	}
	return list
}

// parse parses them once for all tests, which only read what it returns.
var parse = sync.OnceValues(func() (list []parsed, err error) {
	base := filepath.Join("..", "..")
	err = filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != base && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		p := parsed{fset: token.NewFileSet()}
		if p.path, err = filepath.Rel(base, path); err != nil {
			return err
		}
		p.file, err = parser.ParseFile(p.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		list = append(list, p)
		return err
	})
	return list, err
})

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, p := range sources(t) {
		for _, problem := range oversize(p) {
			t.Error(problem)
		}
	}
}

// oversize returns what of a file is too long. Generated files may be.
func oversize(p parsed) (problems []string) {
	if ast.IsGenerated(p.file) {
		return nil
	}
	funcLimit, fileLimit := maxFunc, maxFile
	if p.test() {
		funcLimit, fileLimit = maxTestFunc, maxTestFile
	}
	if n := p.fset.File(p.file.Pos()).LineCount(); n > fileLimit {
		problems = append(problems, fmt.Sprintf("%s has %d lines, %d are allowed", p.path, n, fileLimit))
	}
	for _, d := range p.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && p.lines(f) > funcLimit {
			problems = append(problems, fmt.Sprintf("%s: %s has %d lines, %d are allowed", p.at(f), f.Name.Name, p.lines(f), funcLimit))
		}
	}
	return problems
}

func TestDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range sources(t) {
		if !p.test() && p.file.Name.Name != "main" {
			for _, problem := range undocumented(p) {
				t.Error(problem)
			}
		}
	}
}

func TestErrorsDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range sources(t) {
		if p.test() {
			continue
		}
		for _, c := range contracts {
			if strings.HasPrefix(p.path, c+"/") {
				for _, problem := range silentErrors(p) {
					t.Error(problem)
				}
			}
		}
	}
}

// The checks see what they are for.
func TestChecksFind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		check  func(parsed) []string
		source string
		want   int
	}{
		"type":                    {undocumented, "type T int", 1},
		"documented type":         {undocumented, "// T is one.\ntype T int", 0},
		"function":                {undocumented, "func F() {}", 1},
		"method":                  {undocumented, "type t int\nfunc (t) M() {}\n// T is.\ntype T int\nfunc (*T) M() {}", 1},
		"well-known method":       {undocumented, "// T is.\ntype T int\nfunc (T) Error() string { return \"\" }\nfunc (T) Unwrap() error { return nil }", 0},
		"field":                   {undocumented, "// T is.\ntype T struct { A int; B int // beta\n}", 1},
		"fields in one line":      {undocumented, "// T is.\ntype T struct {\nA, B int // both\n}", 0},
		"embedded field":          {undocumented, "// T is.\ntype T struct { error }", 0},
		"interface method":        {undocumented, "// T is.\ntype T interface { M() }", 1},
		"variable in a group":     {undocumented, "var (\n A = 1\n b = 2\n // C is.\n C = 3\n)", 1},
		"group with a doc":        {undocumented, "// These are.\nconst (\n A = 1\n B = 2\n)", 0},
		"generic":                 {undocumented, "// T is.\ntype T[K any] struct{}\nfunc (*T[K]) M() {}", 1},
		"silent error":            {silentErrors, "// F does.\nfunc F() error { return nil }", 1},
		"named error":             {silentErrors, "// F does. Errors: outcome.NotFound.\nfunc F() error { return nil }", 0},
		"sentinel":                {silentErrors, "// F returns ErrGone for it.\nfunc F() (int, error) { return 0, nil }", 0},
		"no error":                {silentErrors, "// F does.\nfunc F() int { return 0 }", 0},
		"not exported":            {silentErrors, "func f() error { return nil }", 0},
		"silent interface":        {silentErrors, "// T is.\ntype T interface {\n// M does.\nM() error\n}", 1},
		"method of a hidden type": {silentErrors, "type t int\nfunc (t) M() error { return nil }", 0},
		"error's own method":      {silentErrors, "// T is.\ntype T int\nfunc (T) Unwrap() error { return nil }", 0},
		"long function":           {oversize, "func f() {" + strings.Repeat("\n", 80) + "}", 1},
		"function that just fits": {oversize, "func f() {" + strings.Repeat("\n", 79) + "}", 0},
		"long file":               {oversize, strings.Repeat("\n", 600), 1},
		"file that just fits":     {oversize, strings.Repeat("\n", 597), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parsed{path: "x.go", fset: token.NewFileSet()}
			var err error
			p.file, err = parser.ParseFile(p.fset, "x.go", "package x\n"+tt.source, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.check(p); len(got) != tt.want {
				t.Errorf("found %q, want %d", got, tt.want)
			}
		})
	}
}
