package archtest_test

import (
	"fmt"
	"go/ast"
	"regexp"
)

// wellKnown methods do what their interface says, and need no words.
var wellKnown = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "String": true, "Read": true, "Write": true, "Close": true,
	"ServeHTTP": true, "Len": true, "Less": true, "Swap": true, "RoundTrip": true,
	"MarshalText": true, "UnmarshalText": true, "MarshalJSON": true, "UnmarshalJSON": true, "UnmarshalYAML": true,
}

// namesError is what a comment about errors contains: the word that begins
// their list, or a sentinel.
var namesError = regexp.MustCompile(`Errors:|\b[a-z]*\.?Err[A-Z]\w*|\boutcome\.[A-Z]\w*|\bfs\.Err\w*|\bio\.EOF\b|\bctx\.Err\b`)

// finder collects the problems of one file.
type finder struct {
	p        parsed
	problems []string
}

func (f *finder) add(n ast.Node, format string, args ...any) {
	f.problems = append(f.problems, f.p.at(n)+": "+fmt.Sprintf(format, args...))
}

// undocumented returns the exported names and fields without a comment.
func undocumented(p parsed) []string {
	f := &finder{p: p}
	for _, d := range p.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && visible(d) && (d.Recv == nil || !wellKnown[d.Name.Name]) {
				f.add(d, "%s has no comment", d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				f.spec(s, d.Doc != nil)
			}
		}
	}
	return f.problems
}

// spec checks one type, constant or variable; grouped tells that a comment
// stands above its whole declaration.
func (f *finder) spec(s ast.Spec, grouped bool) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && !grouped && s.Doc == nil && s.Comment == nil {
				f.add(n, "%s has no comment", n.Name)
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if !grouped && s.Doc == nil && s.Comment == nil {
			f.add(s, "%s has no comment", s.Name.Name)
		}
		switch t := s.Type.(type) {
		case *ast.StructType:
			f.fields(s.Name.Name, t.Fields)
		case *ast.InterfaceType:
			f.fields(s.Name.Name, t.Methods)
		}
	}
}

// fields checks the fields of a struct or the methods of an interface. What is
// embedded has its comment elsewhere.
func (f *finder) fields(of string, list *ast.FieldList) {
	for _, field := range list.List {
		for _, n := range field.Names {
			if n.IsExported() && field.Doc == nil && field.Comment == nil {
				f.add(n, "%s.%s has no comment", of, n.Name)
			}
		}
	}
}

// silentErrors returns the exported functions and methods that return an error
// and do not say which.
func silentErrors(p parsed) []string {
	f := &finder{p: p}
	for _, d := range p.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && visible(d) && (d.Recv == nil || !wellKnown[d.Name.Name]) {
				f.errors(d.Name, d.Type, d.Doc)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				f.interfaceErrors(s)
			}
		}
	}
	return f.problems
}

// interfaceErrors checks the methods of an exported interface.
func (f *finder) interfaceErrors(s ast.Spec) {
	ts, ok := s.(*ast.TypeSpec)
	if !ok || !ts.Name.IsExported() {
		return
	}
	t, ok := ts.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	for _, m := range t.Methods.List {
		if fn, ok := m.Type.(*ast.FuncType); ok && len(m.Names) == 1 && m.Names[0].IsExported() {
			f.errors(m.Names[0], fn, m.Doc)
		}
	}
}

// errors checks one function.
func (f *finder) errors(name *ast.Ident, fn *ast.FuncType, doc *ast.CommentGroup) {
	if fn.Results == nil || len(fn.Results.List) == 0 {
		return
	}
	last, ok := fn.Results.List[len(fn.Results.List)-1].Type.(*ast.Ident)
	if ok && last.Name == "error" && !namesError.MatchString(doc.Text()) {
		f.add(name, "%s returns an error, and its comment names none", name.Name)
	}
}

// visible reports whether a function is one of an exported type, or of none.
func visible(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
