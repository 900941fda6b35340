// What the application controller of Argo CD does, by the library that it does it with: a cache of
// the whole cluster (a list and a watch of every resource that discovery names), and the
// synchronisation of one application with hooks, waves and pruning, applied by the server.
//
//	gitops FILE...    uses KUBECONFIG; brings the application from the state of each file to the next,
//	                  and prints one line of JSON about each: what was done, what differs, how it is
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2/textlogger"
)

const (
	namespace = "shop"
	tracking  = "argocd.argoproj.io/tracking-id"
	manager   = "argocd-controller"
	patience  = 3 * time.Minute
)

type report struct {
	State string `json:"state"`
	// Resources that the cache lists and watches, and objects that it holds.
	APIs    int `json:"apis"`
	Objects int `json:"objects"`
	// What the synchronisation says of each object.
	Synced map[string]string `json:"synced"`
	// Health of the application's objects, by kind and name, of those that have one.
	Health map[string]string `json:"health"`
	// Objects below the Deployments, as the tree of the application shows them.
	Tree map[string]int `json:"tree"`
}

type application struct {
	config  *rest.Config
	cache   cache.ClusterCache
	kubectl *kube.KubectlCmd
	log     logr.Logger
}

func main() {
	log := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(os.Stderr)))
	if err := run(os.Args[1:], log); err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

func run(files []string, log logr.Logger) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 200
	identify := func(object *unstructured.Unstructured, _ bool) (any, bool) {
		id := object.GetAnnotations()[tracking]
		return id, id != ""
	}
	clusterCache := cache.NewClusterCache(config, cache.SetLogr(log), cache.SetPopulateResourceInfoHandler(identify))
	app := &application{config, clusterCache, &kube.KubectlCmd{Log: log, Tracer: tracing.NopTracer{}}, log}
	if err := clusterCache.EnsureSynced(); err != nil {
		return err
	}
	for _, file := range files {
		told, err := app.bring(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
			return err
		}
	}
	return nil
}

// bring synchronises the application with a file, and waits until it is in sync and healthy.
func (a *application) bring(file string) (*report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	wanted, err := kube.SplitYAML(text)
	if err != nil {
		return nil, err
	}
	for _, object := range wanted {
		mark(object)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results, err := a.synchronise(ctx, wanted, file)
	if err != nil {
		return nil, err
	}
	told := &report{State: file, Synced: map[string]string{}}
	for _, result := range results {
		told.Synced[result.ResourceKey.Kind+"/"+result.ResourceKey.Name] = string(result.Status) + string(result.HookPhase)
	}
	for {
		waiting, err := a.assess(wanted, told)
		if err == nil && waiting == "" {
			break
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("not in sync or not healthy: %s: %w", waiting, errors.Join(err, ctx.Err()))
		}
		time.Sleep(200 * time.Millisecond)
	}
	info := a.cache.GetClusterInfo()
	told.APIs, told.Objects = info.APIsCount, info.ResourcesCount
	return told, nil
}

// synchronise works as the application controller does: one step at each look at the cluster, which
// goes on where the one before left off.
func (a *application) synchronise(ctx context.Context, wanted []*unstructured.Unstructured, revision string) ([]common.ResourceSyncResult, error) {
	phase, message, results, started := common.OperationRunning, "", []common.ResourceSyncResult(nil), metav1.Now()
	for !phase.Completed() {
		reconciled, err := a.reconcile(wanted)
		if err != nil {
			return nil, err
		}
		step, done, err := sync.NewSyncContext(revision, reconciled, a.config, a.config, a.kubectl, namespace,
			sync.WithInitialState(phase, message, results, started), sync.WithOperationSettings(false, true, false, false),
			sync.WithServerSideApply(true), sync.WithServerSideApplyManager(manager),
			sync.WithManifestValidation(true), sync.WithSkipDryRunOnMissingResource(true), sync.WithLogr(a.log))
		if err != nil {
			return nil, err
		}
		step.Sync()
		phase, message, results = step.GetState()
		done()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s", ctx.Err(), message)
		case <-time.After(200 * time.Millisecond):
		}
	}
	if !phase.Successful() {
		return nil, fmt.Errorf("%s: %s", phase, message)
	}
	return results, nil
}

func (a *application) reconcile(wanted []*unstructured.Unstructured) (sync.ReconciliationResult, error) {
	live, err := a.cache.GetManagedLiveObjs(wanted, managed)
	return sync.Reconcile(wanted, live, namespace, a.cache), err
}

// assess says what an application's page would show as out of sync or not healthy, or nothing.
func (a *application) assess(wanted []*unstructured.Unstructured, told *report) (string, error) {
	reconciled, err := a.reconcile(wanted)
	if err != nil {
		return "", err
	}
	applier, done, err := a.kubectl.ManageServerSideDiffDryRuns(a.config)
	if err != nil {
		return "", err
	}
	defer done()
	told.Health, told.Tree = map[string]string{}, map[string]int{}
	for _, options := range [][]diff.Option{
		{diff.WithLogr(a.log)},
		{
			diff.WithLogr(a.log), diff.WithServerSideDiff(true), diff.WithManager(manager),
			diff.WithGVKParser(a.cache.GetGVKParser()),
			diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier)),
		},
	} {
		differences, err := diff.DiffArray(reconciled.Target, reconciled.Live, options...)
		if err != nil {
			return "", err
		}
		for _, each := range differences.Diffs {
			if each.Modified {
				return fmt.Sprintf("%s is, but should be %s", each.NormalizedLive, each.PredictedLive), nil
			}
		}
	}
	waiting := ""
	for _, object := range reconciled.Live {
		found, err := health.GetResourceHealth(object, nil)
		if err != nil {
			return "", err
		}
		if found == nil {
			continue
		}
		name := object.GetKind() + "/" + object.GetName()
		told.Health[name] = string(found.Status)
		if found.Status != health.HealthStatusHealthy {
			waiting = name + " is " + string(found.Status) + ": " + found.Message
		}
	}
	a.cache.IterateHierarchyV2(deployments(reconciled.Live), func(resource *cache.Resource, _ map[kube.ResourceKey]*cache.Resource) bool {
		told.Tree[resource.Ref.Kind]++
		return true
	})
	return waiting, nil
}

// mark says, as Argo CD does, to which application the object belongs, and which object it is.
func mark(object *unstructured.Unstructured) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	key := kube.GetResourceKey(object)
	annotations[tracking] = fmt.Sprintf("shop:%s/%s:%s/%s", key.Group, key.Kind, namespace, key.Name)
	object.SetAnnotations(annotations)
}

// managed is true only for the object that was marked itself: what is below it may carry its mark.
func managed(resource *cache.Resource) bool {
	key := resource.ResourceKey()
	return resource.Info == fmt.Sprintf("shop:%s/%s:%s/%s", key.Group, key.Kind, namespace, key.Name)
}

func deployments(objects []*unstructured.Unstructured) []kube.ResourceKey {
	var keys []kube.ResourceKey
	for _, object := range objects {
		if object.GetKind() == "Deployment" {
			keys = append(keys, kube.GetResourceKey(object))
		}
	}
	return keys
}
