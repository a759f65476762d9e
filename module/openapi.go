package module

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/operation"
)

// object is a JSON object.
type object = map[string]any

// openAPI answers the OpenAPI document.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) error {
	if err := readOnly(w, r); err != nil {
		return err
	}
	data, err := json.MarshalIndent(s.OpenAPI(httpx.BaseURL(r, s.PublicURL)), "", "  ")
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(data, '\n')) // the client may have left
	return nil
}

// OpenAPI describes all operations as a document of OpenAPI 3.1. base is scheme and host of the server.
func (s *Server) OpenAPI(base string) map[string]any {
	paths := object{}
	tags := []any{}
	for _, u := range s.API.Table().units {
		tags = append(tags, described(object{"name": u.Name}, u.Description))
		for _, op := range u.Operations {
			addPath(paths, u, op.Descriptor())
		}
	}
	return object{
		"openapi": "3.1.0", "info": object{"title": "Modules of registryd", "version": "1"},
		"servers": []any{object{"url": base + strings.TrimSuffix(s.Prefix, "/")}},
		"tags":    tags, "paths": paths,
		"components": object{
			"securitySchemes": object{"key": object{"type": "apiKey", "in": "header", "name": "Authorization"}},
			"schemas": object{"Error": object{
				"type": "object", "required": []any{"type", "error"},
				"properties": object{"type": object{"type": "string"}, "error": object{"type": "string"},
					"param": object{"type": "string"}, "suggestions": object{"type": "array", "items": object{"type": "string"}}},
			}},
		},
	}
}

func described(o object, text string) object {
	if text != "" {
		o["description"] = text
	}
	return o
}

// addPath adds an operation under its path, for each of its methods.
func addPath(paths object, u *Unit, d *operation.Descriptor) {
	var parts []string
	names := map[string]bool{}
	for part := range strings.SplitSeq(strings.Trim(d.Path, "/"), "/") {
		switch {
		case strings.HasPrefix(part, ":"):
			part = "{" + part[1:] + "}"
		case part == "*":
			part = "{rest}"
		}
		if strings.HasPrefix(part, "{") {
			names[strings.Trim(part, "{}")] = true
		}
		parts = append(parts, part)
	}
	path := "/" + strings.Join(parts, "/")
	item, _ := paths[path].(object)
	if item == nil {
		item = object{}
		paths[path] = item
	}
	methods := []string{d.Method}
	if d.Method == "" {
		methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	}
	for _, m := range methods {
		item[strings.ToLower(m)] = operationObject(u, d, m, names)
	}
}

// operationObject describes one operation by one method.
func operationObject(u *Unit, d *operation.Descriptor, method string, placeholders map[string]bool) object {
	id := u.Name + "." + d.Name
	if d.Name == "" || d.Method == "" {
		id = u.Name + "." + strings.ToLower(method) + d.Path
	}
	o := described(object{"operationId": id, "tags": []any{u.Name}, "responses": responses(d)}, d.Description)
	if d.Key {
		o["security"] = []any{object{"key": []any{}}}
	}
	var parameters []any
	body := object{}
	var required []any
	hasBody := method != http.MethodGet && method != http.MethodHead && method != http.MethodDelete
	for i := range d.Params {
		p := &d.Params[i]
		in := p.In
		if in == operation.InAny || in == "" {
			in = anywhere(p, placeholders, hasBody)
		}
		if in == operation.InBody {
			body[p.Name] = described(schemaOf(p), p.Description)
			if p.Required() {
				required = append(required, p.Name)
			}
			continue
		}
		parameters = append(parameters, parameterObject(p, in))
	}
	for _, name := range slices.Sorted(maps.Keys(placeholders)) {
		if !slices.ContainsFunc(d.Params, func(p operation.Param) bool { return p.Name == name }) {
			parameters = append(parameters, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	o["x-registryd"] = own(u, d)
	if parameters != nil {
		o["parameters"] = parameters
	}
	if len(body) > 0 {
		o["requestBody"] = requestBody(body, required)
	}
	return o
}

// own is what a client of ours wants to know beside.
func own(u *Unit, d *operation.Descriptor) object {
	suggestions := object{}
	for _, f := range d.Faults {
		if f.Suggestions != nil {
			suggestions[f.Name] = f.Suggestions
		}
	}
	return object{
		"module": u.Name, "operation": cmp.Or(d.Name, d.Path), "any": d.Method == "", "order": paramNames(d),
		"begin": d.Messages.Begin, "done": d.Messages.Done, "suggestions": suggestions,
	}
}

// anywhere says where a parameter of any source is best sent.
func anywhere(p *operation.Param, placeholders map[string]bool, hasBody bool) operation.Source {
	switch {
	case placeholders[p.Name]:
		return operation.InPath
	case hasBody:
		return operation.InBody
	}
	return operation.InQuery
}

func parameterObject(p *operation.Param, in operation.Source) object {
	o := described(object{"name": p.Name, "in": string(in)}, p.Description)
	if in == operation.InPath || p.Required() {
		o["required"] = true
	}
	if p.JSON && in != operation.InPath {
		o["content"] = object{"application/json": object{"schema": schemaOf(p)}}
	} else {
		o["schema"] = schemaOf(p)
	}
	return o
}

func requestBody(properties object, required []any) object {
	schema := object{"type": "object", "properties": properties}
	if required != nil {
		schema["required"] = required
	}
	return object{"required": required != nil, "content": object{"application/json": object{"schema": schema}}}
}

// schemaOf is the schema of a parameter with its default.
func schemaOf(p *operation.Param) object {
	declared, _ := p.JSONSchema().(object)
	o := object{}
	maps.Copy(o, declared)
	if p.HasDefault {
		o["default"] = p.Default
	}
	return o
}

// responses describes the answers of an operation.
func responses(d *operation.Descriptor) object {
	status := cmp.Or(d.Response.Status, http.StatusOK)
	if d.LongRunning != nil {
		status = http.StatusAccepted
	}
	good := object{"description": cmp.Or(d.Messages.Done, "success")}
	if d.Response.Keys != nil {
		good["content"] = object{"application/json": object{"schema": answerSchema(&d.Response)}}
	}
	all := object{strconv.Itoa(status): good}
	texts := map[int][]string{}
	for _, f := range d.Faults {
		code := cmp.Or(f.Status, http.StatusInternalServerError)
		texts[code] = append(texts[code], f.Name+": "+f.Message)
	}
	for code, list := range texts {
		all[strconv.Itoa(code)] = errorObject(strings.Join(list, "; "))
	}
	all["default"] = errorObject("an error")
	return all
}

func errorObject(text string) object {
	return object{"description": text, "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}}
}

func answerSchema(r *operation.Response) object {
	properties, required := object{}, []any{}
	for _, k := range r.Keys {
		properties[k.Name] = object{}
		required = append(required, k.Name)
	}
	o := object{"type": "object", "properties": properties, "required": required}
	if r.List {
		return object{"type": "array", "items": o}
	}
	return o
}
