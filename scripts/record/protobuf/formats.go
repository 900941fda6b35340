package main

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// What Go makes of each text.
type formatsFile struct {
	Header     header      `json:"header"`
	Quantities []outcome   `json:"quantities"`
	Sums       [][3]string `json:"sums"`
	Labels     []outcome   `json:"labels"`
	Fields     []outcome   `json:"fields"`
	YAML       []outcome   `json:"yaml"`
	JSON       []outcome   `json:"json"`
	JSONPatch  []patched   `json:"jsonPatch"`
	MergePatch []patched   `json:"mergePatch"`
}

type outcome struct {
	Text     string   `json:"text"`
	Result   string   `json:"result,omitempty"`
	Error    string   `json:"error,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

func outcomeOf(text string, act func(string) (string, error)) outcome {
	result, err := act(text)
	if err != nil {
		return outcome{Text: text, Error: err.Error()}
	}
	return outcome{Text: text, Result: result}
}

func each(texts []string, act func(string) (string, error)) []outcome {
	var found []outcome
	for _, text := range texts {
		found = append(found, outcomeOf(text, act))
	}
	return found
}

func formatsOf() formatsFile {
	file := formatsFile{Header: headerOf(), JSONPatch: jsonPatched(), MergePatch: mergePatched()}
	file.Quantities = each(quantities(), func(text string) (string, error) {
		quantity, err := resource.ParseQuantity(text)
		return quantity.String(), err
	})
	for _, a := range summands {
		for _, b := range summands {
			sum := resource.MustParse(a)
			sum.Add(resource.MustParse(b))
			file.Sums = append(file.Sums, [3]string{a, b, sum.String()})
		}
	}
	file.Labels = each(labelSelectors, func(text string) (string, error) {
		selector, err := labels.Parse(text)
		if err != nil {
			return "", err
		}
		return selector.String(), nil
	})
	file.Fields = each(fieldSelectors, func(text string) (string, error) {
		selector, err := fields.ParseSelector(text)
		if err != nil {
			return "", err
		}
		return selector.String(), nil
	})
	file.YAML = each(yamlTexts, func(text string) (string, error) {
		result, err := yaml.YAMLToJSON([]byte(text))
		return string(result), err
	})
	for i := range file.YAML {
		if file.YAML[i].Error == "" {
			if _, err := yaml.YAMLToJSONStrict([]byte(file.YAML[i].Text)); err != nil {
				file.YAML[i].Problems = []string{err.Error()}
			}
		}
	}
	for _, text := range jsonTexts {
		var value any
		problems, err := kjson.UnmarshalStrict([]byte(text), &value)
		entry := outcomeOf(text, func(string) (string, error) {
			if err != nil {
				return "", err
			}
			result, err := json.Marshal(value)
			return string(result), err
		})
		for _, problem := range problems {
			entry.Problems = append(entry.Problems, problem.Error())
		}
		file.JSON = append(file.JSON, entry)
	}
	return file
}

func quantities() []string {
	texts := []string{"", ".", "-", "abc", "1i", "1e", "e3", "1 Gi", "1e-10", "+1", "007", "1.500", "1.", "1Kii", "1ki", "--1", "1.2.3", "12345678901234567890", "1234567890123456789012345", "0.0000000001", "-0.0000000001", "9Ei", "1000e3", "1e18", "1E+3", "1E-3", "1e3k"}
	for _, number := range []string{"0", "1", "8", "10", "100", "1000", "1023", "1024", "1025", "1500", "123456", "1000000", "0.1", "1.5", "0.001", "0.0005", "3.14159", "-2", "-0.25", "18446744073"} {
		for _, suffix := range []string{"", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E6", "e-3"} {
			texts = append(texts, number+suffix)
		}
	}
	return texts
}

var summands = []string{"0", "1", "100m", "1Ki", "1.5Gi", "2k", "1e3", "-250m", "1n", "3Mi"}

var labelSelectors = []string{
	"", "a", "!a", "a=b", "a==b", "a!=b", "a=", "a=,b", "a,b", "b,a", "a in (b)", "a in (c,b)", "a notin (b,c)", "a in ()",
	"x in (,)", "x in (,a)", "x in (a,,b)", "in in (in,notin)", "notin=in", "a>1", "a<1", "a>1,b<2", "a > 1", "\ta = b\n", "!a=b",
	"!a,!b", "a=b,", ",", ",a", "a b", "a in", "a in b", "a in (b", "a in (b c)", "a in (", "a in )", "a==b=c", "===", "a===b",
	"(", ")", "a)", "!", "!!a", "a=!b", "-a=b", "a=-b", "a>x", "a>", "a>1.5", "a>9223372036854775808", "x/y/z", "/a", "a/", "exa_mple/x", "Example.com/x",
	"example.com/x=y", "a=ä", "ä=a", "a=b c", "a in (b=c)", "a=" + strings.Repeat("x", 64), strings.Repeat("x", 64), strings.Repeat("x", 254) + "/a", "a.b-c_d=1.2-3_4",
}

var fieldSelectors = []string{
	"", ",", "a=b", "a==b", "a!=b", "b=1,a=2", "metadata.name=web,status.phase!=Running", "a", "a,b=c", "a=b=c", `a=\,`, `a=\=\\`, `a=\x`, `a=\`, "a=b,,c=d", "=b", "a=", "!=x", "a=b!",
}

var jsonTexts = []string{
	`{"a":1,"a":2}`, `{"a":{"b":1,"b":2},"c":[{"d":1,"d":1},{"d":1}]}`, `[{"x":1,"x":2},[{"y":1,"y":1}]]`, `{"a":{"b":1},"a":{"b":1,"b":1}}`, `{"a\u0062":1,"ab":2}`, `{"ü\n":1,"ü\n":2}`,
	`{"a":9007199254740993,"b":-9223372036854775808,"c":9223372036854775808,"d":1.0,"e":1e3,"f":1.5e300,"g":0.1,"h":-0,"i":1e21,"j":1e-7,"k":123456789012345678901234567890}`,
	`1e400`, `{"a":`, `{a:1}`, `[1,]`, `{"a":1,}`, ``, ` `, `tru`, `nul`, `falsey`, "\"a\nb\"", `01`, `1.`, `1.x`, `-`, `-x`, `1e`, `1ex`, `1e+x`, `{"a" 1}`, `{"a":1 "b":2}`, `[1 2]`, `\`, `{}x`, `"\x"`, `"\u12g4"`, `"abc`, `"a\`, `é`, `'`, `{"a":é}`, `{]`, `[}`, `}`, `{"a"}`, `{"a":}`, `nan`,
}

var yamlTexts = []string{
	"a: 1", "a: yes\nb: no\nc: on\nd: off\ne: y\nf: n\ng: Yes\nh: NO\ni: True\nj: 'yes'", "y: 1", "n: 1\n", "yes: 1", "1: a", "1.5: a", "true: a", "null: a", "~: a",
	"a: 0644\nb: 0o644\nc: 0x1F\nd: 0b101\ne: 1_000\nf: 0_7\ng: 08\nh: 1_000.5\ni: -0644\nj: +5\nk: 0o9\nl: -0b11\nm: 0x", "a: 12:30:45\nb: 1:20\nc: 190:20:30.15", "a: 2024-01-01\nb: 2024-01-01T00:00:00Z\nc: 2001-12-14 21:59:43.10 -5", "2024-01-01: a",
	"a: 1.5\nb: 1e3\nc: .5\nd: 5.\ne: 1E+2\nf: .inf\n", "a: .nan", "a: -.inf", "a: 1e400", "a: 9007199254740993\nb: 9223372036854775808\nc: 18446744073709551615\nd: 18446744073709551616\ne: -9223372036854775808\nf: -9223372036854775809",
	"a: ~\nb: null\nc: Null\nd: NULL\ne:\nf: ''", "a: &x {b: 1}\nc: *x", "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3", "a: &x {b: 1}\nb: &y {c: 2, b: 3}\nd:\n  <<: [*x, *y]\n  e: 4", "d:\n  <<: 5", "<<: {a: 1}\na: 2", "'<<': {a: 1}",
	"a: 1\na: 2", "a:\n  b: 1\n  b: 2\nc: 3", "- a: 1\n  a: 2", "a: !!str 5\nb: !!int '7'\nc: !!float 1\nd: !!bool 'true'\ne: !!null ''\nf: !!binary aGVsbG8=", "a: !foo bar", "a: !!set {x, y}", "a: !!timestamp 2024-01-01",
	"a: |\n  x\n  y\nb: >\n  x\n  y\nc: |-\n  z\n", "a: \"\\u00e9\\n\\x41\\e\"", "a: 'it''s'", "---\na: 1\n", "---\na: 1\n---\nb: 2\n", "a: 1\n...\n", "# nothing\n", "", "hello", "- 1\n- [a, {b: c}]\n", "{a: 1, b: [x, y],}", "{\"a\":1}", "{\"a\": 1, \"a\": 2}", "? a\n: b\n", "? [a, b]\n: c\n", "? {a: b}\n: c\n",
	"a: b: c", "a:\n\t- b", "\ta: b", "a: [1, 2", "a: 'x", "a: *nope", "a: @x", "a: `x`", "a: %x", "%YAML 1.1\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n", "a: 1 # c\nb: 'x # y'\n", "a: \"x\n  y\"\n", "a: =\n", "a: <\n", "a: 0.\nb: 0x_1\nc: 1__0\nd: _1\ne: 1_\nf: 1e_3\ng: 0b12\nh: 0xG\ni: +.inf\nj: 00\nk: -0\nl: -0.0\nm: 0.0\nn: 1.0\no: 1e0", "a: 1e-7\nb: 1e21\nc: 123456789.125", "a: tRue\nb: TRUE\nc: Y\nd: N\ne: ON\nf: oFf", "a: -\n", "a: ''\nb: \"\"\nc: ' '\n", "__proto__: {a: 1}\nconstructor: 2\n",
	"a: &a [x]\nb: [*a, *a]\n", "a:\n- b\n- c\n", "a: 1\n b: 2\n", "a:\n  - b\n - c\n", "a: !!int x\n", "a: !!bool maybe\n", "a: !!float x\n", "a: !!map [x]\n", "a: 0777777777777777777777\n", "a: 1:60\n", "a: 0o17\nb: 0O17\nc: 0X1f\nd: 0B1\n", "1_000: a\n0x10: b\n1.0: c\n2.5e3: d\n9007199254740993: e\n", "off: a\non: b\n",
	"a: 2001-1-1\nb: 2001-01-01t01:01:01Z\nc: '2001-01-01'\n", "a: !!str yes\nb: !!str 2024-01-01\n", "a: >-\n  folded\n  text\n\n  para\n", "a: \xc3\xa9\n", "- - a\n  - b\n- c\n", "a: ? b\n", "a: !!binary '***'\n", "a: !!omap [x: 1]\n", "key with spaces: v\n\"quoted key\": w\n", "a: 1\r\nb: 2\r\n", "\xef\xbb\xbfa: 1\n",
}
