package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// outFile is a file that is there whole or not at all: it is written beside its
// place, and moved there at the end. Its owner alone can read it.
type outFile struct {
	*os.File
	path string
}

var errExists = errors.New("there is such a file already; --force replaces it")

// createFile begins a file. Whoever gets it calls discard, which does nothing
// after commit.
func createFile(path string, force bool) (*outFile, error) {
	if _, err := os.Lstat(path); err == nil && !force {
		return nil, usageError{fmt.Errorf("%s: %w", path, errExists)}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &outFile{f, path}, nil
}

// commit puts the file where it belongs.
func (f *outFile) commit() error {
	err := f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

func (f *outFile) discard() {
	if f.Close() == nil { // it was not committed
		_ = os.Remove(f.Name())
	}
}
