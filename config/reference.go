package config

import "strings"

//go:generate go run ../internal/gen/configdoc -root ..

// Reference returns the reference of all keys as Markdown: an introduction and
// one table, ending in a line break.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceIntro)
	b.WriteString("| key | type | default | changed by | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range Keys() {
		cells := []string{k.referenceName(), k.referenceType(), k.referenceDefault(), string(k.Reload), k.referenceDoc()}
		for i, c := range cells {
			cells[i] = strings.ReplaceAll(c, "|", `\|`)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

const referenceIntro = `Values come from defaults, then the file, then the environment, then flags; later ones win. The variable of ` +
	"`root.fs` is `REGISTRYD_ROOT_FS`" + `, and so on for every key outside of lists; an empty variable counts as none, and lists are separated by commas.
In the file, ` + "`${NAME}` and `${NAME:-default}`" + ` are replaced from the environment; ` + "`$${`" + ` stands for the two characters. Relative paths begin at the working directory.
Sizes are ` + "`256MiB`, `1GB`" + ` or bytes, durations ` + "`30s`, `1m30s`, `24h` or `7d`" + `. The last but one column says how a change comes into force:
*reload* (SIGHUP), *restart*, or *nginx* (by writing nginx's configuration again).

`

func (k Key) referenceName() string {
	name := "`" + k.Path + "`"
	if k.Of != "" {
		name += " (" + k.Of + ")"
	}
	return name
}

func (k Key) referenceType() string {
	if k.Type == TypeEnum {
		return "`" + strings.Join(k.Enum, "`, `") + "`"
	}
	return string(k.Type)
}

func (k Key) referenceDefault() string {
	switch {
	case k.Required:
		return "required"
	case k.Default != "":
		return "`" + k.Default + "`"
	default:
		return k.Otherwise
	}
}

func (k Key) referenceDoc() string {
	doc := k.Doc
	if k.Secret {
		doc += " Kept out of logs and messages."
	}
	return doc + " Example: `" + k.Example + "`"
}
