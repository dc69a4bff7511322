package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// structType is a struct of package config as its source has it.
type structType struct {
	doc    string
	fields []field
}

type field struct {
	name string
	typ  string // name of its type; of its elements' type if list is set
	list bool
	tag  reflect.StructTag
	doc  string
}

// structs reads every struct of the package in a folder.
func structs(dir string) (map[string]structType, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	found := make(map[string]structType)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if err := structsOf(file, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func structsOf(file *ast.File, found map[string]structType) error {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			named := spec.(*ast.TypeSpec)
			body, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			fields, err := fieldsOf(named.Name.Name, body)
			if err != nil {
				return err
			}
			doc := named.Doc
			if doc == nil {
				doc = general.Doc
			}
			found[named.Name.Name] = structType{doc: doc.Text(), fields: fields}
		}
	}
	return nil
}

func fieldsOf(owner string, body *ast.StructType) ([]field, error) {
	var fields []field
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			one := field{name: name.Name, doc: f.Doc.Text()}
			one.typ, one.list = typeName(f.Type)
			if f.Tag != nil {
				tag, err := strconv.Unquote(f.Tag.Value)
				if err != nil {
					return nil, fmt.Errorf("%s.%s: tag: %w", owner, name.Name, err)
				}
				one.tag = reflect.StructTag(tag)
			}
			fields = append(fields, one)
		}
	}
	return fields, nil
}

func typeName(expr ast.Expr) (name string, list bool) {
	switch t := expr.(type) {
	case *ast.Ident:
		return t.Name, false
	case *ast.ArrayType:
		name, _ = typeName(t.Elt)
		return name, true
	}
	return "", false
}
