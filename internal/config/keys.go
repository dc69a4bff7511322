package config

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// keys reads the key ring of a merchant. No fault quotes a secret.
func (p *merchantParser) keys(m *Merchant, entry *merchantEntry) {
	var signing text
	ids := make(map[string]int)
	bySecret := make(map[sign.Secret]string)
	for i := range entry.Keys {
		key := &entry.Keys[i]
		p.checkKeyID(key.ID, ids)
		secret := p.secret(key)
		if other, taken := bySecret[secret]; taken && secret != "" {
			p.wrong(key.ID, "keys", "key %s has the same secret as key %s; remove one, or a metric could not tell which matched", keyName(key), other)
		}
		bySecret[secret] = keyName(key)
		if p.signs(key.Signing) {
			if signing.set() {
				p.wrong(key.Signing, "keys", "key %s is marked signing, and so is key %s; mark only one", keyName(key), shown(signing, keyID))
			}
			signing = key.ID
		}
		m.Keys = append(m.Keys, sign.Key{ID: key.ID.Value, Secret: secret})
	}
	if entry.Keys != nil && len(entry.Keys) == 0 {
		p.fault(entry.Line, "merchant %s: keys: the list is empty; give at least one signing key", p.id)
	}
	if len(p.fs.list) > 0 {
		return // the file is refused anyway, and the ring would repeat a fault
	}
	ring, err := sign.NewKeyring(signing.Value, m.Keys...)
	if err != nil {
		p.fault(entry.Line, "merchant %s: keys: %v", p.id, err)
	}
	m.Keyring = ring
}

func keyName(key *keyEntry) string { return shown(key.ID, keyID) }

func (p *merchantParser) checkKeyID(id text, ids map[string]int) {
	switch earlier := ids[id.Value]; {
	case !id.set():
	case !keyID.MatchString(id.Value):
		p.wrong(id, "keys", "id %q: use only letters, digits, . _ and -, at most 64 of them", id.Value)
	case earlier > 0:
		p.wrong(id, "keys", "id %q is already that of the key in line %d; give each its own", id.Value, earlier)
	default:
		ids[id.Value] = id.Line
	}
}

func (p *merchantParser) signs(signing text) bool {
	switch signing.or("false") {
	case "true":
		return true
	case "false":
	default:
		p.wrong(signing, "keys", "signing: %q is neither true nor false", signing.Value)
	}
	return false
}

// secret returns the secret of a key, from the file itself or the one it
// names.
func (p *merchantParser) secret(key *keyEntry) sign.Secret {
	switch {
	case key.Secret.set() && key.SecretFile.set():
		p.wrong(key.SecretFile, "keys", "key %s has both secret and secretFile; keep one", keyName(key))
	case key.Secret.set():
		if problem := secretProblem(key.Secret.Value); problem != "" {
			p.wrong(key.Secret, "keys", "key %s: secret %s", keyName(key), problem)
		}
		return sign.Secret(key.Secret.Value)
	case key.SecretFile.set():
		return p.secretFromFile(key)
	case key.ID.set():
		p.wrong(key.ID, "keys", "key %s has no secret; give secret or secretFile", keyName(key))
	}
	return ""
}

func (p *merchantParser) secretFromFile(key *keyEntry) sign.Secret {
	path := key.SecretFile.Value
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir(), path)
	}
	data, err := p.read(path)
	if err != nil {
		p.wrong(key.SecretFile, "keys", "key %s: %q cannot be read (%s); mount the file or correct secretFile", keyName(key), path, reason(err))
		return ""
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if problem := secretProblem(secret); problem != "" {
		p.wrong(key.SecretFile, "keys", "key %s: %q %s", keyName(key), path, problem)
		return ""
	}
	return sign.Secret(secret)
}

// secretProblem says what is wrong with a secret. White space around it is
// nearly always an accident of copying, and every signature would be refused
// for it.
func secretProblem(secret string) string {
	switch {
	case strings.TrimSpace(secret) == "":
		return "is empty; anybody could sign with an empty secret"
	case len(secret) > 1024:
		return "is longer than 1024 bytes; is it the right one?"
	case strings.TrimSpace(secret) != secret:
		return "begins or ends with white space; remove it"
	case strings.ContainsFunc(secret, isLineOrControl):
		return "holds a line break, tab or control character; is it the right one?"
	}
	return ""
}

func isLineOrControl(c rune) bool { return c < ' ' || isControl(c) }
