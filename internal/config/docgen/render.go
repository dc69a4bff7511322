package main

import (
	"errors"
	"fmt"
	"go/doc/comment"
	"regexp"
	"slices"
	"strings"
)

// program is a top-level configuration struct and what people call it.
type program struct{ structName, title string }

var programs = []program{
	{"Receiver", "receiver"},
	{"Worker", "worker"},
	{"Setup", "settlehook setup"},
	{"Up", "settlehook up"},
	{"Operator", "settlehook review, parked and quarantine"},
	{"Doctor", "settlehook doctor"},
}

// render returns the whole document.
func render(dir string) (string, error) {
	types, err := structs(dir)
	if err != nil {
		return "", err
	}
	r := &renderer{types: types}
	r.line(preamble)
	r.programs()
	r.variables()
	r.merchants()
	return r.out.String(), errors.Join(r.errs...)
}

type renderer struct {
	types map[string]structType
	out   strings.Builder
	errs  []error
}

func (r *renderer) line(text string) {
	r.out.WriteString(strings.Trim(text, "\n"))
	r.out.WriteString("\n\n")
}

// structNamed returns a struct; a missing one or one without comment fails the
// run, so that nothing can be left undocumented.
func (r *renderer) structNamed(name string) structType {
	s, ok := r.types[name]
	if !ok {
		r.errs = append(r.errs, fmt.Errorf("no struct %s in the package", name))
	} else if s.doc == "" {
		r.errs = append(r.errs, fmt.Errorf("struct %s has no comment", name))
	}
	return s
}

func (r *renderer) programs() {
	r.line("## Programs")
	for _, p := range programs {
		r.line("**" + p.title + "**: " + about(p.structName, r.structNamed(p.structName).doc))
	}
}

// variables writes a section for every set of programs, with the groups that
// exactly these programs read.
func (r *renderer) variables() {
	var titles []string
	groups := make(map[string][]string)
	for _, p := range programs {
		for _, f := range r.structNamed(p.structName).fields {
			title := "Read by " + enumerate(r.readers(f.typ))
			if !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
			if !slices.Contains(groups[title], f.typ) {
				groups[title] = append(groups[title], f.typ)
			}
		}
	}
	for _, title := range titles {
		r.line("## " + title)
		for _, group := range groups[title] {
			r.group(group)
		}
	}
}

// readers are the programs that read a group.
func (r *renderer) readers(group string) []string {
	var titles []string
	for _, p := range programs {
		if slices.ContainsFunc(r.types[p.structName].fields, func(f field) bool { return f.typ == group }) {
			titles = append(titles, p.title)
		}
	}
	return titles
}

func (r *renderer) group(name string) {
	s := r.structNamed(name)
	r.line("### " + heading(name))
	r.line(about(name, s.doc))
	r.out.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, f := range s.fields {
		r.row(name, f, f.tag.Get("env"), f.tag.Get("envDefault"))
	}
	r.out.WriteString("\n")
}

func (r *renderer) merchants() {
	r.line("## The merchants file")
	r.line(about("merchantsFile", r.structNamed("merchantsFile").doc))
	r.line("```yaml\n" + example + "```")
	for _, part := range []struct{ structName, title, prefix string }{
		{"merchantsFile", "The file", ""},
		{"merchantEntry", "A merchant", ""},
		{"matchEntry", "`match`", "match."},
		{"keyEntry", "A key", ""},
	} {
		r.line("### " + part.title)
		r.out.WriteString("| name | default | meaning |\n|---|---|---|\n")
		for _, f := range r.structNamed(part.structName).fields {
			if name := f.tag.Get("yaml"); name != "-" {
				r.row(part.structName, f, part.prefix+name, f.tag.Get("default"))
			}
		}
		r.out.WriteString("\n")
	}
	r.out.WriteString(closing)
}

// row writes one setting. A setting without a name or comment fails the run.
func (r *renderer) row(owner string, f field, name, value string) {
	if name == "" || f.doc == "" {
		r.errs = append(r.errs, fmt.Errorf("%s.%s has no name or no comment", owner, f.name))
		return
	}
	shown := "none"
	_, required := f.tag.Lookup("required")
	switch {
	case required:
		shown = "**required**"
	case f.tag.Get("env") != "" && value != "":
		shown = "`" + value + "`"
	case value != "":
		shown = value
	}
	meaning := cell(strings.Join(strings.Fields(f.doc), " "))
	if f.tag.Get("secret") == "true" {
		meaning = "**Secret**, never shown. " + meaning
	}
	if f.list {
		meaning = "List. " + meaning
	}
	fmt.Fprintf(&r.out, "| `%s` | %s | %s |\n", name, shown, meaning)
}

var (
	variable    = regexp.MustCompile(`[A-Z]+(_[A-Z]+)+`)
	cellEscapes = strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`)
)

// cell writes text so that a table shows it as it is, with variables as code.
func cell(text string) string {
	var b strings.Builder
	last := 0
	for _, at := range variable.FindAllStringIndex(text, -1) {
		b.WriteString(cellEscapes.Replace(text[last:at[0]]))
		b.WriteString("`" + text[at[0]:at[1]] + "`")
		last = at[1]
	}
	b.WriteString(cellEscapes.Replace(text[last:]))
	return b.String()
}

// about turns the comment of a struct into Markdown, without the name Go wants
// in front: "Log says what" becomes "Says what".
func about(name, doc string) string {
	doc = strings.TrimPrefix(doc, name+" ")
	doc = strings.TrimPrefix(doc, "is ")
	doc = strings.ToUpper(doc[:min(1, len(doc))]) + doc[min(1, len(doc)):]
	var p comment.Parser
	text := string((&comment.Printer{HeadingLevel: 4}).Markdown(p.Parse(doc)))
	return strings.TrimSpace(text)
}

// heading is a struct's name as words.
func heading(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteString(" ")
			b.WriteString(strings.ToLower(string(c)))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
