package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"slices"
)

// snapshot is one reading of the merchants file and its secret files.
type snapshot struct {
	merchants *Merchants // nil if err is not
	err       error
	// digest covers every byte that was read and every failure to read. It
	// stands for secrets and never leaves the process.
	digest [sha256.Size]byte
	// dirs are the folders of the files, to be watched.
	dirs []string
}

// readSnapshot reads the files as they are now. They may be changing: whoever
// acts on a snapshot makes sure that a second one is the same.
func readSnapshot(path string) snapshot {
	var s snapshot
	var seen bytes.Buffer
	read := func(path string) ([]byte, error) {
		data, err := readFile(path)
		note(&seen, []byte(path), data, errText(err))
		if dir := filepath.Dir(path); !slices.Contains(s.dirs, dir) {
			s.dirs = append(s.dirs, dir)
		}
		return data, err
	}
	s.merchants, s.err = loadMerchants(path, read)
	s.digest = sha256.Sum256(seen.Bytes())
	return s
}

// note writes each part with its length in front, so that no two readings can
// run together into the same bytes.
func note(seen *bytes.Buffer, parts ...[]byte) {
	for _, part := range parts {
		_ = binary.Write(seen, binary.BigEndian, uint64(len(part)))
		_, _ = seen.Write(part)
	}
}

func errText(err error) []byte {
	if err == nil {
		return nil
	}
	return []byte(err.Error())
}
