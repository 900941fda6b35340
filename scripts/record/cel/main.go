// Records what kube-apiserver's own CEL says to expressions: the compile error, the value, what it cost
// and the estimated worst case. The tests of src/kube/cel hold ours against it.
//
//	go run . cases.json golden.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	celmodel "k8s.io/apiserver/pkg/cel/openapi"
)

// group is a schema, a value of it, and the expressions about it.
type group struct {
	Schema      json.RawMessage `json:"schema"`
	Self        json.RawMessage `json:"self"`
	Expressions []string        `json:"expressions"`
}

type answer struct {
	Expression string `json:"expression"`
	Error      string `json:"error,omitempty"`
	Type       string `json:"type,omitempty"`
	Value      string `json:"value,omitempty"`
	Failure    string `json:"failure,omitempty"`
	Cost       uint64 `json:"cost"`
	MaxCost    string `json:"maxCost,omitempty"`
}

func main() {
	var groups []group
	must(json.Unmarshal(read(os.Args[1]), &groups))
	answers := make([][]answer, len(groups))
	for i, g := range groups {
		answers[i] = answersOf(g)
	}
	out, err := json.MarshalIndent(answers, "", " ")
	must(err)
	must(os.WriteFile(os.Args[2], append(out, '\n'), 0o644))
}

func answersOf(g group) []answer {
	var props v1.JSONSchemaProps
	must(json.Unmarshal(g.Schema, &props))
	var internal apiextensions.JSONSchemaProps
	must(v1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil))
	structural, err := schema.NewStructural(&internal)
	must(err)
	declared := model.SchemaDeclType(structural, false).MaybeAssignTypeName("selfType")
	var self interface{}
	must(utiljson.Unmarshal(g.Self, &self))
	env := environment.MustBaseEnvSet(version.MajorMinor(1, 36))
	extended, err := env.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        []cel.EnvOption{cel.Variable("self", declared.CelType())},
		DeclTypes:         []*apiservercel.DeclType{declared},
	})
	must(err)
	e := extended.NewExpressionsEnv()
	var answers []answer
	for _, expression := range g.Expressions {
		answers = append(answers, answerOf(e, structural, expression, self))
	}
	return answers
}

func answerOf(e *cel.Env, s *schema.Structural, expression string, self interface{}) answer {
	a := answer{Expression: expression}
	ast, issues := e.Compile(expression)
	if issues != nil && issues.Err() != nil {
		a.Error = issues.String()
		return a
	}
	a.Type = ast.OutputType().String()
	program, err := e.Program(ast, cel.CostLimit(1000000))
	if err != nil {
		a.Error = "program: " + err.Error()
		return a
	}
	value, details, err := program.Eval(map[string]interface{}{
		"self": common.UnstructuredToVal(self, &celmodel.Schema{Schema: s.ToKubeOpenAPI()}),
	})
	if details != nil && details.ActualCost() != nil {
		a.Cost = *details.ActualCost()
	}
	if err != nil {
		a.Failure = err.Error()
	} else {
		a.Value = text(value)
	}
	rule := *s
	rule.XValidations = v1.ValidationRules{{Rule: "(" + expression + ") == (" + expression + ")"}}
	if ast.OutputType() == cel.BoolType {
		rule.XValidations[0].Rule = expression
	}
	results, err := schemacel.Compile(&rule, model.SchemaDeclType(s, false), 1000000,
		environment.MustBaseEnvSet(version.MajorMinor(1, 36)), schemacel.NewExpressionsEnvLoader())
	if err == nil && len(results) == 1 && results[0].Error == nil {
		a.MaxCost = fmt.Sprint(results[0].MaxCost)
	}
	return a
}

// text writes a value so that its type shows.
func text(v ref.Val) string {
	if v == nil {
		return "unseen"
	}
	switch t := v.(type) {
	case types.String:
		quoted, _ := json.Marshal(string(t))
		return string(quoted)
	case types.Bytes:
		return fmt.Sprintf("b%x", []byte(t))
	case types.Uint:
		return fmt.Sprintf("%du", uint64(t))
	case types.Double:
		return fmt.Sprintf("double(%v)", float64(t))
	case types.Int, types.Bool:
		return fmt.Sprint(t.Value())
	case types.Null:
		return "null"
	case *types.Optional:
		if !t.HasValue() {
			return "none"
		}
		return "optional(" + text(t.GetValue()) + ")"
	case traits.Lister:
		parts := []string{}
		for it := t.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, text(it.Next()))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case traits.Mapper:
		parts := []string{}
		for it := t.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			parts = append(parts, text(key)+":"+text(t.Get(key)))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case *types.Type:
		return "type(" + t.TypeName() + ")"
	default:
		if s, ok := v.ConvertToType(types.StringType).(types.String); ok {
			return v.Type().TypeName() + "(" + string(s) + ")"
		}
		return v.Type().TypeName()
	}
}

func read(file string) []byte {
	bytes, err := os.ReadFile(file)
	must(err)
	return bytes
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
