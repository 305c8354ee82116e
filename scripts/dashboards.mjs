// Writes charts/flotilla/dashboards/*.json, what Grafana shows, from the tables below: a panel a line.
// `--check` writes nothing and names the files that are not up to date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** `{$}` stands for the labels that every query is narrowed by. */
const narrowed = (expr) =>
  expr.replaceAll('{$}', '{namespace=~"$namespace"}').replaceAll('{$,', '{namespace=~"$namespace",');
const rate = (metric, by, labels = '') =>
  `sum by (${by}) (rate(${metric}{$${labels && `,${labels}`}}[$__rate_interval]))`;

/** p50, p95 and p99 of a histogram; `by`: the label that tells its series apart. */
const quantiles = (metric, by = '', labels = '') =>
  [0.5, 0.95, 0.99].map((quantile) => [
    `p${quantile * 100}${by && ` {{${by}}}`}`,
    `histogram_quantile(${quantile}, sum by (${by ? `le, ${by}` : 'le'}) (rate(${metric}_bucket{$${labels && `,${labels}`}}[$__rate_interval])))`,
  ]);
const quantile = (of, metric, by) => [
  [`{{${by}}}`, `histogram_quantile(${of}, sum by (le, ${by}) (rate(${metric}_bucket{$}[$__rate_interval])))`],
];
const model = 'gen_ai_request_model';
const requests = 'flotilla_gateway_http_requests_total';

/** Each panel: title, unit, and queries as [legend, expression]. */
const dashboards = {
  overview: {
    title: 'Flotilla / Overview',
    panels: [
      ['Requests', 'reqps', [['{{status}}', rate(requests, 'status')]]],
      [
        'Failures of ours',
        'percentunit',
        [
          [
            '5xx',
            `(${rate(requests, 'job', 'status=~"5.."')} or ${rate(requests, 'job')} * 0) / ${rate(requests, 'job')}`,
          ],
        ],
      ],
      ['First piece of a stream', 's', quantiles('flotilla_gateway_time_to_first_choice_seconds', '', 'stream="true"')],
      [
        'Requests under way',
        'short',
        [
          ['requests', 'sum(flotilla_gateway_http_requests_in_flight{$})'],
          ['WebSockets', 'sum(flotilla_gateway_websockets{$})'],
        ],
      ],
      ['Tokens', 'short', [['{{type}}', rate('flotilla_gateway_tokens_total', 'type')]]],
      ['Engines', 'short', [['{{state}}', 'max by (state) (flotilla_fleet_engines{$})']]],
      ['On engines now', 'short', [['{{model}}', 'sum by (model) (flotilla_router_in_flight{$})']]],
      [
        'Connected to',
        'short',
        [['{{dependency}} {{component}}', 'min by (dependency, component) (flotilla_dependency_up{$})']],
      ],
      ['CPU', 'short', [['{{component}}', rate('process_cpu_seconds_total', 'component')]]],
      ['Memory', 'bytes', [['{{component}}', 'sum by (component) (process_resident_memory_bytes{$})']]],
      [
        'How late timers fire (p99)',
        's',
        [['{{component}}', 'max by (component) (nodejs_eventloop_lag_seconds{$,quantile="0.99"})']],
      ],
      ['Cost an hour', 'currencyUSD', [['{{model}}', `${rate('flotilla_router_cost_usd_total', 'model')} * 3600`]]],
    ],
  },
  latency: {
    title: 'Flotilla / Latency by component',
    panels: [
      ['Gateway: whole request', 's', quantiles('flotilla_gateway_http_request_duration_seconds')],
      ['Gateway: first piece', 's', quantiles('flotilla_gateway_time_to_first_choice_seconds', 'stream')],
      ['Orchestrator: turn', 's', quantiles('flotilla_orchestrator_turn_duration_seconds')],
      ['Router: whole answer', 's', quantiles('gen_ai_server_request_duration_seconds')],
      ['Router: first token', 's', quantiles('gen_ai_server_time_to_first_token_seconds')],
      ['Router: between tokens', 's', quantiles('gen_ai_server_time_per_output_token_seconds')],
      ['Limiter: decision', 's', quantiles('flotilla_rate_limiter_decision_duration_seconds')],
      ['Safety: check of a prompt', 's', quantiles('flotilla_safety_check_duration_seconds')],
      ['Safety: guard of a piece', 's', quantiles('flotilla_safety_guard_duration_seconds')],
      ['Rag: retrieval', 's', quantiles('flotilla_rag_retrieve_duration_seconds')],
      ['Rag: stages (p95)', 's', quantile(0.95, 'flotilla_rag_stage_duration_seconds', 'stage')],
      ['Fleet: probe', 's', quantiles('flotilla_fleet_probe_duration_seconds')],
      ['Between services (p95)', 's', quantile(0.95, 'flotilla_rpc_duration_seconds', 'method')],
      ['Events: handling (p95)', 's', quantile(0.95, 'flotilla_bus_handle_duration_seconds', 'subject')],
      ['Ledger: write', 's', quantiles('flotilla_ledger_write_duration_seconds')],
    ],
  },
  endpoints: {
    title: 'Flotilla / Endpoints',
    panels: [
      ['Requests by endpoint', 'reqps', [['{{route}}', rate(requests, 'route')]]],
      ['4xx by endpoint', 'reqps', [['{{route}} {{status}}', rate(requests, 'route, status', 'status=~"4.."')]]],
      ['5xx by endpoint', 'reqps', [['{{route}} {{status}}', rate(requests, 'route, status', 'status=~"5.."')]]],
      ['Duration by endpoint (p50)', 's', quantile(0.5, 'flotilla_gateway_http_request_duration_seconds', 'route')],
      ['Duration by endpoint (p95)', 's', quantile(0.95, 'flotilla_gateway_http_request_duration_seconds', 'route')],
      ['Duration by endpoint (p99)', 's', quantile(0.99, 'flotilla_gateway_http_request_duration_seconds', 'route')],
      [
        'Credentials',
        'reqps',
        [['{{kind}} taken={{taken}}', rate('flotilla_gateway_credentials_total', 'kind, taken')]],
      ],
      [
        'Calls between services that fail',
        'reqps',
        [
          [
            '{{method}} {{code}}',
            rate('flotilla_rpc_duration_seconds_count', 'method, code', 'side="client",code!="ok"'),
          ],
        ],
      ],
      ['Turns', 'reqps', [['{{plan}} {{outcome}}', rate('flotilla_orchestrator_turns_total', 'plan, outcome')]]],
      [
        'Findings of safety',
        'reqps',
        [['{{rule}} {{action}} {{direction}}', rate('flotilla_safety_findings_total', 'rule, action, direction')]],
      ],
    ],
  },
  cost: {
    title: 'Flotilla / Quota and cost',
    panels: [
      [
        'Decisions of gateways',
        'reqps',
        [['{{by}} {{outcome}}', rate('flotilla_gateway_admissions_total', 'by, outcome')]],
      ],
      [
        'Decisions of the limiter',
        'reqps',
        [['{{outcome}}', rate('flotilla_rate_limiter_decisions_total', 'outcome')]],
      ],
      [
        'Decided without the limiter',
        'reqps',
        [['{{code}}', rate('flotilla_gateway_limiter_unavailable_total', 'code')]],
      ],
      ['Leases held', 'short', [['leases', 'sum(flotilla_gateway_leases{$})']]],
      [
        'Tokens a second by model',
        'short',
        [[`{{${model}}} {{gen_ai_token_type}}`, rate('gen_ai_client_token_usage_sum', `${model}, gen_ai_token_type`)]],
      ],
      [
        'Cost an hour by model',
        'currencyUSD',
        [['{{model}} {{provider}}', `${rate('flotilla_router_cost_usd_total', 'model, provider')} * 3600`]],
      ],
      ['Cost in the ledger, a day', 'currencyUSD', [['USD', 'sum(increase(flotilla_ledger_cost_usd_total{$}[1d]))']]],
      ['Tokens in the ledger', 'short', [['{{type}}', rate('flotilla_ledger_tokens_total', 'type')]]],
      ['How late the ledger is', 's', quantiles('flotilla_ledger_lag_seconds')],
      ['Records of the ledger', 'short', [['{{outcome}}', rate('flotilla_ledger_records_total', 'outcome')]]],
      ['Usage that waits for the database', 'short', [['rows', 'sum(flotilla_orchestrator_unwritten_rows{$})']]],
      [
        'Looks into the cache',
        'reqps',
        [['{{kind}} {{outcome}}', rate('flotilla_router_cache_lookups_total', 'kind, outcome')]],
      ],
      [
        'Tokens the cache saved',
        'short',
        [['{{kind}} {{type}}', rate('flotilla_router_cache_saved_tokens_total', 'kind, type')]],
      ],
    ],
  },
  engines: {
    title: 'Flotilla / Engines and fleet',
    panels: [
      ['Engines', 'short', [['{{state}}', 'max by (state) (flotilla_fleet_engines{$})']]],
      ['Models by phase', 'short', [['{{phase}}', 'max by (phase) (flotilla_fleet_models{$})']]],
      ['Replicas by Model', 'short', [['{{model}} {{is}}', 'max by (model, is) (flotilla_fleet_replicas{$})']]],
      ['Reconciling (p95)', 's', quantile(0.95, 'flotilla_fleet_reconcile_duration_seconds', 'outcome')],
      ['Draining (p95)', 's', quantile(0.95, 'flotilla_fleet_drain_duration_seconds', 'outcome')],
      [
        'Decisions of scaling',
        'short',
        [['{{mode}} {{direction}}', rate('flotilla_fleet_scaling_decisions_total', 'mode, direction')]],
      ],
      [
        'Requests held for a start',
        'short',
        [['{{provider}}', 'sum by (provider) (flotilla_router_held_requests{$})']],
      ],
      ['Held for (p95)', 's', quantile(0.95, 'flotilla_router_hold_duration_seconds', 'provider')],
      ['From zero to an answer (p95)', 's', quantile(0.95, 'flotilla_fleet_activation_duration_seconds', 'outcome')],
      [
        'On engines now',
        'short',
        [['{{model}} {{provider}}', 'sum by (model, provider) (flotilla_router_in_flight{$})']],
      ],
      [
        'Answers by model',
        'reqps',
        [[`{{${model}}} {{error_type}}`, rate('gen_ai_server_request_duration_seconds_count', `${model}, error_type`)]],
      ],
      ['First token by model (p95)', 's', quantile(0.95, 'gen_ai_server_time_to_first_token_seconds', model)],
      ['Why an engine was picked', 'reqps', [['{{reason}}', rate('flotilla_router_picks_total', 'reason')]]],
      [
        'Failovers and ejections',
        'reqps',
        [
          ['failover {{error_type}}', rate('flotilla_router_failovers_total', 'error_type')],
          ['ejection {{reason}}', rate('flotilla_router_ejections_total', 'reason')],
        ],
      ],
      ['Engines set aside', 'short', [['engines', 'sum(flotilla_router_ejected_endpoints{$})']]],
      [
        'Crashes',
        'short',
        [['{{engine}}', 'sum by (engine) (increase(flotilla_fleet_process_crashes_total{$}[15m]))']],
      ],
      [
        'vLLM: running and waiting',
        'short',
        [
          ['running {{model_name}}', 'sum by (model_name) (vllm:num_requests_running)'],
          ['waiting {{model_name}}', 'sum by (model_name) (vllm:num_requests_waiting)'],
        ],
      ],
      ['vLLM: KV cache in use', 'percentunit', [['{{model_name}}', 'avg by (model_name) (vllm:kv_cache_usage_perc)']]],
      [
        'vLLM: prefix cache hits',
        'percentunit',
        [
          [
            '{{model_name}}',
            'sum by (model_name) (rate(vllm:prefix_cache_hits_total[$__rate_interval])) / sum by (model_name) (rate(vllm:prefix_cache_queries_total[$__rate_interval]))',
          ],
        ],
      ],
      [
        'vLLM: first token (p95)',
        's',
        [
          [
            '{{model_name}}',
            'histogram_quantile(0.95, sum by (le, model_name) (rate(vllm:time_to_first_token_seconds_bucket[$__rate_interval])))',
          ],
        ],
      ],
      [
        'vLLM: tokens',
        'short',
        [['{{model_name}}', 'sum by (model_name) (rate(vllm:generation_tokens_total[$__rate_interval]))']],
      ],
      [
        'vLLM: preemptions',
        'short',
        [['{{model_name}}', 'sum by (model_name) (rate(vllm:num_preemptions_total[$__rate_interval]))']],
      ],
    ],
  },
};

const columns = 3;
const size = { w: 24 / columns, h: 8 };
const source = { type: 'prometheus', uid: '${datasource}' };

function panel([title, unit, queries], at) {
  return {
    id: at + 1,
    type: 'timeseries',
    title,
    datasource: source,
    gridPos: { ...size, x: (at % columns) * size.w, y: Math.floor(at / columns) * size.h },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(([legendFormat, expr], query) => ({
      refId: String.fromCharCode(65 + query),
      datasource: source,
      expr: narrowed(expr),
      legendFormat,
    })),
  };
}

const variables = [
  { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
  {
    name: 'namespace',
    type: 'query',
    datasource: source,
    query: 'label_values(process_start_time_seconds, namespace)',
    ...{ includeAll: true, allValue: '.*', multi: true, refresh: 2, current: { text: 'All', value: '$__all' } },
  },
];

function text(name, { title, panels }) {
  const head = {
    description: 'Generated by scripts/dashboards.mjs. Do not edit.',
    uid: `flotilla-${name}`,
    ...{
      title,
      tags: ['flotilla'],
      editable: true,
      refresh: '30s',
      schemaVersion: 39,
      time: { from: 'now-1h', to: 'now' },
    },
    templating: { list: variables },
  };
  const lines = panels.map((row, at) => JSON.stringify(panel(row, at))).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},\n"panels":[\n${lines}\n]}\n`;
}

const check = process.argv.includes('--check');
for (const [name, dashboard] of Object.entries(dashboards)) {
  const file = path.resolve(import.meta.dirname, `../charts/flotilla/dashboards/${name}.json`);
  const wanted = text(name, dashboard);
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue;
  if (check) {
    console.error(`${path.basename(file)} is not up to date: run node scripts/dashboards.mjs`);
    process.exitCode = 1;
  } else writeFileSync(file, wanted);
}
