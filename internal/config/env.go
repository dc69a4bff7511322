package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/caarlos0/env/v11"
)

// A program's configuration is a struct of groups, and a group is a struct of
// variables. Tags of a variable:
//
//	env         its name
//	envDefault  its default
//	required    it must be set; the text says to what
//	secret      "true": its value may carry a secret and is never shown

// load fills the groups of cfg, a pointer to a program's struct, from environ
// and returns the faults of single variables.
func load(environ map[string]string, cfg any, notRequired ...string) *faults {
	fs := new(faults)
	program := reflect.ValueOf(cfg).Elem()
	for i := range program.NumField() {
		loadGroup(fs, environ, program.Field(i), notRequired)
	}
	return fs
}

func loadGroup(fs *faults, environ map[string]string, group reflect.Value, notRequired []string) {
	usable := maps.Clone(environ)
	if usable == nil {
		// A nil map would make the library read the process's own environment.
		usable = make(map[string]string)
	}
	opts := env.Options{Environment: usable, FuncMap: parsers()}
	failed := flatten(env.ParseWithOptions(group.Addr().Interface(), opts))
	for _, err := range failed {
		name, fault := variableFault(group.Type(), environ, err)
		fs.list = append(fs.list, fault)
		delete(usable, name)
	}
	if len(failed) > 0 {
		// What could not be read goes by its default from here on, so that the
		// rest is still checked and every fault is told at once.
		_ = env.ParseWithOptions(group.Addr().Interface(), opts)
	}
	for i := range group.NumField() {
		field := group.Type().Field(i)
		name := field.Tag.Get("env")
		hint, required := field.Tag.Lookup("required")
		if required && environ[name] == "" && !slices.Contains(notRequired, name) {
			fs.add(name, "not set; %s", hint)
		}
	}
}

func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[time.Duration](): func(v string) (any, error) { return ParseDuration(v) },
	}
}

func flatten(err error) []error {
	var many env.AggregateError
	if errors.As(err, &many) {
		return many.Errors
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// variableFault words the library's error for a person, and returns the name of
// the variable: the library names the Go field and quotes the value, which may
// be secret.
func variableFault(group reflect.Type, environ map[string]string, err error) (string, error) {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		return "", fmt.Errorf("reading the environment: %w", err)
	}
	field, ok := group.FieldByName(parse.Name)
	if !ok {
		return "", fmt.Errorf("reading the environment: field %s of %s is unknown", parse.Name, group)
	}
	name := field.Tag.Get("env")
	where := name
	if field.Tag.Get("secret") != "true" {
		where = named(name, environ[name])
	}
	return name, &Fault{Where: where, Problem: problem(parse.Err)}
}

// named is a variable with its value, as a shell would show it.
func named(name, value string) string { return name + "=" + strconv.Quote(value) }

func problem(err error) string {
	var number *strconv.NumError
	if !errors.As(err, &number) {
		return err.Error()
	}
	switch {
	case errors.Is(number.Err, strconv.ErrRange):
		return "is out of range"
	case number.Func == "ParseFloat":
		return `is not a number; write it like "200" or "0.5"`
	default:
		return `is not a whole number; write it like "64"`
	}
}

// withDefaults returns a copy of environ in which what is unset or empty has
// the value from defaults.
func withDefaults(environ, defaults map[string]string) map[string]string {
	merged := maps.Clone(defaults)
	for name, value := range environ {
		if value != "" || defaults[name] == "" {
			merged[name] = value
		}
	}
	return merged
}
