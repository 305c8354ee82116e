alter table usage
  add column cost_micros double precision not null default 0,
  add column reserved_tokens bigint not null default 0,
  add column lease_id text not null default '',
  add column operation text not null default 'chat';
