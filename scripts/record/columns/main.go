// Records what kube-apiserver's printers know and no member can tell: the Table columns of every built-in
// kind, and, for the test of our own printers, the rows of sample objects.
//
//	go run . objects.json ../../../src/apiserver/printers/columns.json ../../../src/apiserver/printers/samples.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/admission/install"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apiserverinternal/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/authentication/install"
	_ "k8s.io/kubernetes/pkg/apis/authorization/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/certificates/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/events/install"
	_ "k8s.io/kubernetes/pkg/apis/extensions/install"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	_ "k8s.io/kubernetes/pkg/apis/imagepolicy/install"
	_ "k8s.io/kubernetes/pkg/apis/lifecycle/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/node/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/resource/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	_ "k8s.io/kubernetes/pkg/apis/storagemigration/install"
	"k8s.io/kubernetes/pkg/printers"
	"k8s.io/kubernetes/pkg/printers/internalversion"
)

type recorder struct {
	columns map[string][]metav1.TableColumnDefinition
}

func (r recorder) TableHandler(columns []metav1.TableColumnDefinition, print interface{}) error {
	object, ok := reflect.New(reflect.TypeOf(print).In(0).Elem()).Interface().(runtime.Object)
	if !ok {
		return nil
	}
	kinds, _, err := legacyscheme.Scheme.ObjectKinds(object)
	if err != nil {
		return nil
	}
	for _, kind := range kinds {
		if !isList(kind.Kind) {
			r.columns[kind.Group+"/"+kind.Kind] = columns
		}
	}
	return nil
}

func isList(kind string) bool {
	return len(kind) > 4 && kind[len(kind)-4:] == "List"
}

type sample struct {
	Object     json.RawMessage            `json:"object"`
	Cells      []interface{}              `json:"cells"`
	Conditions []metav1.TableRowCondition `json:"conditions,omitempty"`
}

type span struct {
	Seconds int64  `json:"seconds"`
	Text    string `json:"text"`
}

type record struct {
	Now       int64    `json:"now"`
	Samples   []sample `json:"samples"`
	Durations []span   `json:"durations"`
}

// Kinds without a printer: the generic registry and the aggregator have columns of their own.
func unprinted(columns map[string][]metav1.TableColumnDefinition) {
	described := metav1.ObjectMeta{}.SwaggerDoc()
	name := metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: described["name"]}
	created := metav1.TableColumnDefinition{Name: "Created At", Type: "date", Description: described["creationTimestamp"]}
	for _, kind := range []string{
		"/LimitRange", "apiextensions.k8s.io/CustomResourceDefinition",
		"rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/Role",
	} {
		columns[kind] = []metav1.TableColumnDefinition{name, created}
	}
	columns["apiregistration.k8s.io/APIService"] = []metav1.TableColumnDefinition{
		name,
		{Name: "Service", Type: "string", Description: "The reference to the service that hosts this API endpoint."},
		{Name: "Available", Type: "string", Description: "Whether this service is available."},
		{Name: "Age", Type: "string", Description: described["creationTimestamp"]},
	}
}

func write(path string, value interface{}) error {
	bytes, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(bytes, '\n'), 0o644)
}

func run(objectsPath, columnsPath, samplesPath string) error {
	raw, err := os.ReadFile(objectsPath)
	if err != nil {
		return err
	}
	var objects []json.RawMessage
	if err := json.Unmarshal(raw, &objects); err != nil {
		return err
	}
	columns := map[string][]metav1.TableColumnDefinition{}
	internalversion.AddHandlers(recorder{columns})
	unprinted(columns)
	if err := write(columnsPath, columns); err != nil {
		return err
	}
	out := record{Now: time.Now().UnixMilli()}
	generator := printers.NewTableGenerator().With(internalversion.AddHandlers)
	for _, bytes := range objects {
		object, err := runtime.Decode(legacyscheme.Codecs.UniversalDecoder(), bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", bytes, err)
		}
		table, err := generator.GenerateTable(object, printers.GenerateOptions{Wide: true})
		if err != nil {
			return err
		}
		row := table.Rows[0]
		out.Samples = append(out.Samples, sample{bytes, row.Cells, row.Conditions})
	}
	for _, seconds := range spans() {
		text := duration.HumanDuration(time.Duration(seconds) * time.Second)
		out.Durations = append(out.Durations, span{seconds, text})
	}
	return write(samplesPath, out)
}

func spans() []int64 {
	const minute, hour, day = 60, 3600, 86400
	list := []int64{-5, -2, -1, 0, 1, 59, 60, 119, 120, 121, 179, 180, 599, 600, 601, 659, 3599}
	for _, n := range []int64{2, 3, 7, 8, 9, 23, 24, 47, 48, 49} {
		list = append(list, n*hour-1, n*hour, n*hour+59, n*hour+5*minute)
	}
	for _, n := range []int64{2, 3, 7, 8, 9, 300, 364, 365, 366, 729, 730, 731, 1000, 2919, 2920, 2921, 5000} {
		list = append(list, n*day-1, n*day, n*day+hour, n*day+23*hour)
	}
	return list
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run . objects.json columns.json samples.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
