package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/quantity"
)

// format writes the field of a row as the file would, "" for an empty value.
func (r *row) format(field any) string {
	switch v := field.(type) {
	case *bool:
		return r.formatBool(*v)
	case *int:
		return strconv.Itoa(*v)
	case *int64:
		if r.Type == TypeSize {
			return quantity.FormatSize(*v)
		}
		return strconv.FormatInt(*v, 10)
	case *time.Duration:
		return quantity.FormatDuration(*v)
	case *string:
		if *v == "" {
			return ""
		}
		return plainOrQuoted(*v)
	case *[]string:
		return flow(*v)
	case *[]Address:
		return flow(*v)
	case *map[string]string:
		return flowMap(*v)
	}
	return fmt.Sprint(field)
}

func (r *row) formatBool(v bool) string {
	if r.yes == "" {
		return strconv.FormatBool(v)
	}
	for _, word := range r.Enum {
		if (word == r.yes) == v {
			return word
		}
	}
	return ""
}

// plainOrQuoted leaves alone what YAML reads as the same text.
func plainOrQuoted(s string) string {
	if plainRE.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

func flow[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = plainOrQuoted(fmt.Sprint(v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func flowMap(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	parts := make([]string, 0, len(m))
	for _, k := range sortedKeys(m) {
		parts = append(parts, strconv.Quote(k)+": "+plainOrQuoted(m[k]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
