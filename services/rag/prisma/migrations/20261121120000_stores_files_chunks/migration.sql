-- How often anything of an organisation changed: replicas compare it with what they hold in memory.
create table tenants (
  org_id     text primary key,
  generation bigint not null default 0
);

create table stores (
  id         text primary key,
  org_id     text not null,
  name       text not null,
  -- Decided by the first file: question and passages must be embedded alike.
  embedder   text,
  created_at timestamptz(3) not null
);
create index stores_of_organisation on stores (org_id);

create table files (
  id         text primary key,
  org_id     text not null,
  filename   text not null,
  purpose    text not null,
  bytes      integer not null,
  content    text not null,
  created_at timestamptz(3) not null
);
create index files_of_organisation on files (org_id);

-- One attempt to put a file into a store. Its chunks never change; it can be found once it is `completed`.
create table documents (
  number      bigserial primary key,
  org_id      text not null,
  store_id    text not null references stores (id) on delete cascade,
  file_id     text not null references files (id) on delete cascade,
  status      text not null check (status in ('indexing', 'completed', 'failed')),
  embedder    text not null,
  chunk_count integer not null,
  error       text not null default '',
  created_at  timestamptz(3) not null
);
create unique index documents_outcome on documents (store_id, file_id) where status <> 'indexing';
create index documents_of_organisation on documents (org_id);
create index documents_of_file on documents (file_id);

create table chunks (
  document  bigint not null references documents (number) on delete cascade,
  position  integer not null,
  text      text not null,
  -- No fixed dimension: each embedder has its own.
  embedding vector not null,
  primary key (document, position)
);
