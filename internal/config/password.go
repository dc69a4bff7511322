package config

import (
	"errors"
	"os"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

// ErrEmptyPassword says that a password file holds nothing.
var ErrEmptyPassword = errors.New("is empty")

// ReadPassword returns the password in a file; a newline at its end is not part
// of it. Whoever connects reads it anew: a mounted secret changes in place.
func ReadPassword(path string) (sign.Secret, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", &os.PathError{Op: "read", Path: path, Err: ErrEmptyPassword}
	}
	return sign.Secret(password), nil
}

// password refuses a password file that is of no use, and reports whether one
// is set.
func password(fs *faults, name, path string) bool {
	if path == "" {
		return false
	}
	if _, err := ReadPassword(path); err != nil {
		fs.add(named(name, path), "cannot be read (%s); mount the file with the password or correct the path", reason(err))
	}
	return true
}
