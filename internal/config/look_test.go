package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const one = "  - {id: %s, currency: INR, region: none, gateway: https://gateway.example, rate: 1, keys: [{id: k, secret: s}]}\n"

func fileOf(ids ...string) string {
	text := "merchants:\n"
	for _, id := range ids {
		text += strings.Replace(one, "%s", id, 1)
	}
	return text
}

// A file written in place passes through shorter ones that are valid. None of
// them may count, or the merchants not yet written would be taken for removed.
func TestHalfWrittenFileDoesNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "merchants.yaml")
	put := func(text string) snapshot {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readSnapshot(path)
	}
	put(fileOf("a", "b"))
	source, err := NewMerchantsSource(path, SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed, cancel := source.Subscribe()
	defer cancel()

	for _, step := range []struct {
		text  string
		again bool
		ids   int
	}{
		{fileOf("a", "b"), false, 2},
		{"", true, 2},
		{fileOf("a"), true, 2},
		{fileOf("a", "b", "c"), true, 2},
		{fileOf("a", "b", "c"), false, 3},
		{fileOf("a", "b", "c"), false, 3},
		{fileOf("a"), true, 3},
		{fileOf("a", "b", "c"), false, 3}, // it was an accident
		{fileOf("a"), true, 3},            // which does not count towards this
		{fileOf("a"), false, 1},
	} {
		if again := source.look(put(step.text)); again != step.again || source.Current().Len() != step.ids {
			t.Fatalf("after %q: again = %v, %d merchants; want %v, %d", step.text, again, source.Current().Len(), step.again, step.ids)
		}
		if _, err := source.Stale(); err != nil {
			t.Fatalf("after %q: stale: %v", step.text, err)
		}
	}
	<-changed
	select {
	case <-changed:
		t.Error("changes nobody received were not told as one")
	default:
	}
}

// The folders watched are those of the files in force and, while a file is
// refused, those of the refused one, too.
func TestFoldersFollowTheFiles(t *testing.T) {
	dir, secrets := t.TempDir(), t.TempDir()
	path, secret := filepath.Join(dir, "merchants.yaml"), filepath.Join(secrets, "secret")
	outside := strings.Replace(fileOf("a"), "secret: s", "secretFile: "+secret, 1)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, fileOf("a"))
	source, err := NewMerchantsSource(path, SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	both := union([]string{dir}, []string{secrets})
	for _, step := range []struct {
		text, secret string
		want         []string
	}{
		{fileOf("a"), "", []string{dir}},
		{outside, "", both}, // refused: the secret is empty
		{outside, "s", both},
		{fileOf("b"), "s", []string{dir}},
	} {
		write(path, step.text)
		write(secret, step.secret)
		source.look(readSnapshot(path))
		source.look(readSnapshot(path))
		if got := source.folders(); !slices.Equal(union(got, nil), step.want) {
			t.Errorf("after %q: folders = %v, want %v", step.text, got, step.want)
		}
	}
}

// Bytes moving from one file to the next are a change.
func TestSnapshotTellsFilesApart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "merchants.yaml")
	text := "merchants:\n  - {id: a, currency: INR, region: none, gateway: https://gateway.example, rate: 1, keys: [{id: k, secretFile: k}, {id: l, secretFile: l}]}\n"
	digests := make(map[[32]byte]string)
	for _, secrets := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"c", "ab"}, {"", "abc"}} {
		for name, content := range map[string]string{path: text, filepath.Join(dir, "k"): secrets[0], filepath.Join(dir, "l"): secrets[1]} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		read := readSnapshot(path)
		if other, taken := digests[read.digest]; taken {
			t.Errorf("%v reads like %s", secrets, other)
		}
		digests[read.digest] = strings.Join(secrets[:], ",")
	}
}
