package region_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/settlehook/settlehook/pkg/region"
)

// numbers are the checks of one value; want is a part of the refusal's text, ""
// where the value is fine. All numbers are public examples or made up.
var numbers = []struct {
	name  string
	check func(string) error
	value string
	want  string
}{
	{"CPF", region.CPF, "52998224725", ""},
	{"CPF", region.CPF, "11144477735", ""},
	{"CPF", region.CPF, "00000000191", ""}, // the lowest
	{"CPF", region.CPF, "529.982.247-25", "without dots and dashes"},
	{"CPF", region.CPF, "5299822472", "11 digits"},
	{"CPF", region.CPF, "529982247250", "11 digits"},
	{"CPF", region.CPF, "5299822472X", "11 digits"},
	{"CPF", region.CPF, "٥٢٩٩٨", "11 digits"},
	{"CPF", region.CPF, "", "11 digits"},
	{"CPF", region.CPF, "52998224726", "check digits"},
	{"CPF", region.CPF, "52998224735", "check digits"},
	{"CPF", region.CPF, "25998224725", "check digits"},
	{"CPF", region.CPF, "00000000000", "check digits"},
	{"CPF", region.CPF, "11111111111", "check digits"},
	{"CPF", region.CPF, "99999999999", "check digits"},

	{"CNPJ", region.CNPJ, "11222333000181", ""},
	{"CNPJ", region.CNPJ, "12ABC34501DE35", ""}, // the revenue service's example
	{"CNPJ", region.CNPJ, "00000000000191", ""},
	{"CNPJ", region.CNPJ, "12.ABC.345/01DE-35", "without dots, slashes and dashes"},
	{"CNPJ", region.CNPJ, "12abc34501de35", "in capitals"},
	{"CNPJ", region.CNPJ, "12ABC34501DEA5", "last two characters"},
	{"CNPJ", region.CNPJ, "12ABC34501DE3A", "last two characters"},
	{"CNPJ", region.CNPJ, "12ABC34501DE36", "check digits"},
	{"CNPJ", region.CNPJ, "12ABC34501DE25", "check digits"},
	{"CNPJ", region.CNPJ, "12ACB34501DE35", "check digits"},
	{"CNPJ", region.CNPJ, "11222333000182", "check digits"},
	{"CNPJ", region.CNPJ, "00000000000000", "check digits"},
	{"CNPJ", region.CNPJ, "11111111111111", "check digits"},
	{"CNPJ", region.CNPJ, "1122233300018", "14 characters"},
	{"CNPJ", region.CNPJ, "112223330001811", "14 characters"},
	{"CNPJ", region.CNPJ, "", "14 characters"},

	{"IFSC", region.IFSC, "HDFC0000001", ""},
	{"IFSC", region.IFSC, "SBIN0005943", ""},
	{"IFSC", region.IFSC, "KARB0KANARI", ""},
	{"IFSC", region.IFSC, "hdfc0000001", "in capitals"},
	{"IFSC", region.IFSC, "SBIN000594x", "in capitals"},
	{"IFSC", region.IFSC, "HDFC1000001", "the digit 0"},
	{"IFSC", region.IFSC, "HDFCO000001", "the digit 0"},
	{"IFSC", region.IFSC, "HDF10000001", "four letters"},
	{"IFSC", region.IFSC, "HDFC000000", "11 characters"},
	{"IFSC", region.IFSC, "HDFC00000011", "11 characters"},
	{"IFSC", region.IFSC, "HDFC0-00001", "11 characters"},

	{"bank code", region.BankCode, "014", ""},
	{"bank code", region.BankCode, "BCA", ""},
	{"bank code", region.BankCode, "CENAIDJA001", ""},
	{"bank code", region.BankCode, "0", "2 to 32"},
	{"bank code", region.BankCode, "CIMB_UUS-2", ""},
	{"bank code", region.BankCode, strings.Repeat("X", 32), ""},
	{"bank code", region.BankCode, strings.Repeat("X", 33), "2 to 32"},
	{"bank code", region.BankCode, "-_-", "2 to 32"},
	{"bank code", region.BankCode, "B C", "2 to 32"},
	{"bank code", region.BankCode, "", "2 to 32"},

	// Examples of the central bank's proposal: First Bank, serials 1457 and 22.
	{"NUBAN", nuban("011"), "0000014579", ""},
	{"NUBAN", nuban("011"), "0000000220", ""},
	{"NUBAN", nuban("000016"), "0000014579", "can't be checked"}, // of the payment switch
	{"NUBAN", nuban("011"), "0000014578", "check digit does not fit"},
	{"NUBAN", nuban("058"), "0000014579", "check digit does not fit"},
	// 9*3+5*7+1*3+2*3+1*7+1*3 is 81, and 71 of the serial makes 152.
	{"NUBAN", nuban("51211"), "0000014578", ""},
	{"NUBAN", nuban("951211"), "0000014578", ""},
	{"NUBAN", nuban("51211"), "0000014579", "check digit does not fit"},
	{"NUBAN", nuban("011"), "000001457", "10 digits"},
	{"NUBAN", nuban("011"), "00000145791", "10 digits"},
	{"NUBAN", nuban("011"), "000001457X", "10 digits"},
	{"NUBAN", nuban("0011"), "0000014579", "can't be checked"},
	{"NUBAN", nuban("GTB"), "0000014579", "can't be checked"},
	{"NUBAN", nuban(""), "0000014579", "can't be checked"},

	{"PIX CPF", pix(region.PIXCPF), "52998224725", ""},
	{"PIX CPF", pix(region.PIXCPF), "11222333000181", "11 digits"},
	{"PIX CNPJ", pix(region.PIXCNPJ), "12ABC34501DE35", ""},
	{"PIX CNPJ", pix(region.PIXCNPJ), "52998224725", "14 characters"},
	{"PIX phone", pix(region.PIXPhone), "+5511987654321", ""},
	{"PIX phone", pix(region.PIXPhone), "11987654321", ""},
	{"PIX phone", pix(region.PIXPhone), "1134567890", ""},
	{"PIX phone", pix(region.PIXPhone), "+551134567890", ""},
	{"PIX phone", pix(region.PIXPhone), "5511987654321", "+55 and 10 or 11 digits"},
	{"PIX phone", pix(region.PIXPhone), "+1134567890", "+55 and 10 or 11 digits"},
	{"PIX phone", pix(region.PIXPhone), "+55 11987654321", "+55 and 10 or 11 digits"},
	{"PIX phone", pix(region.PIXPhone), "01134567890", "area code first"},
	{"PIX phone", pix(region.PIXPhone), "987654321", "+55 and 10 or 11 digits"},
	{"PIX phone", pix(region.PIXPhone), "+55", "+55 and 10 or 11 digits"},
	{"PIX email", pix(region.PIXEmail), "ana@example.com", ""},
	{"PIX email", pix(region.PIXEmail), strings.Repeat("a", 60) + "@example12345.com", ""},
	{"PIX email", pix(region.PIXEmail), strings.Repeat("a", 61) + "@example12345.com", "77 characters"},
	{"PIX email", pix(region.PIXEmail), "ana", "one email address"},
	{"PIX random", pix(region.PIXRandom), "123e4567-e89b-12d3-a456-426614174000", ""},
	{"PIX random", pix(region.PIXRandom), "123E4567-E89B-12D3-A456-426614174000", ""},
	{"PIX random", pix(region.PIXRandom), "123e4567e89b12d3a456426614174000", "UUID"},
	{"PIX random", pix(region.PIXRandom), "123e4567-e89b-12d3-a456-42661417400g", "UUID"},
	{"PIX random", pix(region.PIXRandom), "123e4567-e89b-12d3-a4560426614174000", "UUID"},
	{"PIX random", pix(region.PIXRandom), "", "UUID"},
	{"PIX kind", pix("EPV"), "123e4567-e89b-12d3-a456-426614174000", "unknown type"},
	{"PIX kind", pix("cpf"), "52998224725", "unknown type"},
	{"PIX kind", pix(""), "52998224725", "unknown type"},
}

func pix(kind string) func(string) error {
	return func(key string) error { return region.PIXKey(kind, key) }
}

func nuban(code string) func(string) error {
	return func(account string) error { return region.NUBAN(code, account) }
}

func TestNumbers(t *testing.T) {
	for _, test := range numbers {
		t.Run(test.name+" "+test.value, func(t *testing.T) { refused(t, test.check(test.value), test.value, test.want) })
	}
}

// refused checks a refusal's text, and that it quotes no value.
func refused(t *testing.T, err error, value, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want a refusal with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("refused with %q, want %q in it", err, want)
	case want != "" && len(value) > 4 && strings.Contains(err.Error(), value):
		t.Errorf("the refusal quotes the value: %v", err)
	}
}

// registered draws a base and appends the check digits that are accepted with
// it, of which there is exactly one pair.
func registered(t *rapid.T, base string, check func(string) error) string {
	found := ""
	for pair := range 100 {
		number := base + string([]byte{byte('0' + pair/10), byte('0' + pair%10)})
		if check(number) != nil {
			continue
		}
		if found != "" {
			t.Fatalf("both %s and %s are accepted", found, number)
		}
		found = number
	}
	if found == "" && strings.Trim(base, base[:1]) != "" {
		t.Fatalf("no check digits go with %s", base)
	}
	return found
}

// TestOneWrongDigit: every change of one digit is refused, except where modulo
// 11 cannot tell. Both 10 and 11 are written 0, so a sum whose check digit is 0
// may move by one unseen. Numbers ending in 00 have twins that move both sums
// so: their two weights at that place add up to 11 (5 and 6, or 9 and 2). The
// first digit of a CPF has the weights 10 and 11, of which the second moves
// nothing, so the first check digit alone decides there.
func TestOneWrongDigit(t *testing.T) {
	for _, test := range []struct {
		name, base string
		check      func(string) error
		blind      func(at int, checkDigits string) bool
	}{
		{"CPF", `[0-9]{9}`, region.CPF, func(at int, checkDigits string) bool {
			return at == 0 && checkDigits[0] == '0' || at == 5 && checkDigits == "00"
		}},
		{"CNPJ", `[0-9]{12}`, region.CNPJ, blindCNPJ},
		{"alphanumeric CNPJ", `[0-9A-Z]{12}`, region.CNPJ, blindCNPJ},
	} {
		t.Run(test.name, rapid.MakeCheck(func(t *rapid.T) {
			number := registered(t, rapid.StringMatching(test.base).Draw(t, "base"), test.check)
			if number == "" {
				return // all digits are equal
			}
			for at := range number {
				if number[at] > '9' || test.blind(at, number[len(number)-2:]) {
					continue
				}
				for digit := byte('0'); digit <= '9'; digit++ {
					wrong := number[:at] + string(digit) + number[at+1:]
					if wrong != number && test.check(wrong) == nil {
						t.Fatalf("%s is accepted, and so is %s", number, wrong)
					}
				}
			}
		}))
	}
}

func blindCNPJ(at int, checkDigits string) bool {
	return checkDigits == "00" && (at == 0 || at == 4 || at == 8)
}

// TestNUBANOneWrongDigit: 3 and 7 have no factor in common with 10, so every
// change of one digit moves the sum.
func TestNUBANOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[0-9]{3}([0-9]{2})?|9[0-9]{5}`).Draw(t, "code")
		serial := rapid.StringMatching(`[0-9]{9}`).Draw(t, "serial")
		var fit []string
		for digit := byte('0'); digit <= '9'; digit++ {
			if account := serial + string(digit); region.NUBAN(code, account) == nil {
				fit = append(fit, account)
			}
		}
		if len(fit) != 1 {
			t.Fatalf("%v fit bank %s, want exactly one", fit, code)
		}
		at := rapid.IntRange(0, 9).Draw(t, "at")
		digit := rapid.ByteRange('0', '9').Draw(t, "digit")
		if wrong := fit[0][:at] + string(digit) + fit[0][at+1:]; wrong != fit[0] && region.NUBAN(code, wrong) == nil {
			t.Fatalf("%s fits bank %s, and so does %s", fit[0], code, wrong)
		}
	})
}

// FuzzNumbers: whatever comes in, a check answers without a panic, and what it
// accepts has the form that it promises.
func FuzzNumbers(f *testing.F) {
	for _, test := range numbers {
		f.Add("011", test.value)
	}
	f.Fuzz(func(t *testing.T, code, s string) {
		ascii := func(what string, err error, lengths ...int) {
			if err != nil {
				return
			}
			ok := false
			for _, n := range lengths {
				ok = ok || len(s) == n
			}
			for i := range len(s) {
				ok = ok && s[i] > ' ' && s[i] <= '~'
			}
			if !ok {
				t.Errorf("%s accepts %q", what, s)
			}
		}
		ascii("CPF", region.CPF(s), 11)
		ascii("CNPJ", region.CNPJ(s), 14)
		ascii("IFSC", region.IFSC(s), 11)
		if region.BankCode(s) == nil {
			ascii("BankCode", nil, min(max(len(s), 2), 32))
		}
		ascii("NUBAN", region.NUBAN(code, s), 10)
		ascii("PIX phone", region.PIXKey(region.PIXPhone, s), 10, 11, 13, 14)
		ascii("PIX random", region.PIXKey(region.PIXRandom, s), 36)
		if region.PIXKey(region.PIXEmail, s) == nil && strings.Count(s, "@") != 1 {
			t.Errorf("PIX email accepts %q", s)
		}
	})
}
