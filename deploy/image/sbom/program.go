package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
)

// program is what is known of a built program.
type program struct {
	name   string // of its file
	sha256 string // of its file, in hex
	info   *debug.BuildInfo
}

func readProgram(path string) (program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return program{}, fmt.Errorf("read the build information of %s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return program{}, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return program{}, fmt.Errorf("read %s: %w", path, err)
	}
	return program{name: filepath.Base(path), sha256: hex.EncodeToString(sum.Sum(nil)), info: info}, nil
}
