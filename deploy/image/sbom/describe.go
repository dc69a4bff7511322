package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

const specVersion = cyclonedx.SpecVersion1_6

// product is what the programs are parts of.
type product struct {
	version string
	created time.Time
}

// describe makes the bill of materials of programs of one main module. It has
// no serial number, which would have to be another one each time.
func describe(p product, programs []program) (*cyclonedx.BOM, error) {
	if len(programs) == 0 {
		return nil, errors.New("no program is given")
	}
	main := programs[0].info.Main.Path
	whole := cyclonedx.Component{
		BOMRef: purl(main, p.version), Type: cyclonedx.ComponentTypeApplication,
		Name: path.Base(main), Version: p.version, PackageURL: purl(main, p.version),
	}
	parts, libraries := map[string]cyclonedx.Component{}, map[string]cyclonedx.Component{}
	uses := map[string][]string{}
	for _, program := range programs {
		if program.info.Main.Path != main {
			return nil, fmt.Errorf("%s is of module %s, not of %s", program.name, program.info.Main.Path, main)
		}
		part := ofProgram(program, p.version)
		if _, twice := parts[part.BOMRef]; twice {
			return nil, fmt.Errorf("%s is given twice", program.name)
		}
		parts[part.BOMRef] = part
		uses[whole.BOMRef] = append(uses[whole.BOMRef], part.BOMRef)
		for _, library := range linked(program.info) {
			if other, ok := libraries[library.BOMRef]; ok && !same(other, library) {
				return nil, fmt.Errorf("%s has another content in %s than in others", library.BOMRef, program.name)
			}
			libraries[library.BOMRef] = library
			uses[part.BOMRef] = append(uses[part.BOMRef], library.BOMRef)
		}
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: p.created.UTC().Format(time.RFC3339), Component: &whole}
	components := slices.Concat(sorted(parts), sorted(libraries))
	bom.Components = &components
	bom.Dependencies = dependencies(uses)
	return bom, nil
}

func ofProgram(p program, version string) cyclonedx.Component {
	pkg := purl(p.info.Main.Path, version) + "#" + strings.TrimPrefix(p.info.Path, p.info.Main.Path+"/")
	return cyclonedx.Component{
		BOMRef: pkg, Type: cyclonedx.ComponentTypeApplication, Name: p.name, Version: version, PackageURL: pkg,
		Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.sha256}},
		Properties: settings(p.info),
	}
}

// settings are what a program was built for and how. Those of the environment
// alone: flags may hold a path.
func settings(info *debug.BuildInfo) *[]cyclonedx.Property {
	var all []cyclonedx.Property
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED", "-trimpath":
			all = append(all, cyclonedx.Property{Name: "go:build:" + strings.TrimPrefix(s.Key, "-"), Value: s.Value})
		}
	}
	return &all
}

// linked are the modules that are linked into a program, and Go's own library.
func linked(info *debug.BuildInfo) []cyclonedx.Component {
	// As vulnerability databases name it: std@1.26.8. What follows the version
	// proper are the toolchain's experiments.
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	all := []cyclonedx.Component{library("std", version, "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, library(m.Path, m.Version, m.Sum))
	}
	return all
}

func library(module, version, sum string) cyclonedx.Component {
	c := cyclonedx.Component{
		BOMRef: purl(module, version), Type: cyclonedx.ComponentTypeLibrary, Name: module, Version: version, PackageURL: purl(module, version),
	}
	if sum != "" {
		// Not among the hashes: it is no hash of a file, but of a list of hashes.
		c.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}

func same(a, b cyclonedx.Component) bool {
	return (a.Properties == nil) == (b.Properties == nil) && (a.Properties == nil || slices.Equal(*a.Properties, *b.Properties))
}

// purl names a module as https://github.com/package-url/purl-spec says for
// golang: lower case; a plus, as in +incompatible, is escaped.
func purl(module, version string) string {
	return "pkg:golang/" + strings.ToLower(module) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func sorted(components map[string]cyclonedx.Component) []cyclonedx.Component {
	return slices.SortedFunc(maps.Values(components), func(a, b cyclonedx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
}

func dependencies(uses map[string][]string) *[]cyclonedx.Dependency {
	var all []cyclonedx.Dependency
	for _, user := range slices.Sorted(maps.Keys(uses)) {
		used := slices.Compact(slices.Sorted(slices.Values(uses[user])))
		all = append(all, cyclonedx.Dependency{Ref: user, Dependencies: &used})
	}
	return &all
}
