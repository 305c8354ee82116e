/**
 * Words by the part they play in an attack, in every language at once: attacks mix languages, and a word plays one or
 * several parts. Lower case, without diacritics.
 */
export const lexicon = {
  /** Drop what was said. */
  drop:
    'ignore ignoring disregard disregarding forget forgetting override overriding bypass discard neglect overlook dismiss abandon erase ' +
    'ignoriere ignorieren ignorier ignoriert vergiss vergesst vergessen missachte missachten verwirf umgehe ' +
    'ignorez ignorer oublie oubliez oublier neglige negligez contourne ' +
    'ignora ignorad ignoren ignorar olvida olvide olviden olvidate omite omita descarta desestima ' +
    'ignorate dimentica dimenticate dimenticati scarta trascura esqueca esquece esquecer desconsidere desconsidera ' +
    'negeer vergeet zignoruj ignoruj zapomnij игнорируи игнорируите проигнорируи забудь забудьте unut unutun yoksay',
  stop: "stop not don't dont never cease quit",
  follow: 'follow following obey obeying heed heeding adhere',
  /** What came before, or is yours. */
  prior:
    'previous prior above earlier preceding foregoing former original initial system your before existing ' +
    'vorherigen vorherige vorigen vorige bisherigen bisherige obigen obige fruheren fruhere deine deinen zuvor ' +
    'precedentes precedente precedents precedent anterieures anterieurs dessus tes vos ' +
    'anteriores anterior previas previos previa tus arriba precedenti precedente tue suas acima ' +
    'vorige eerdere bovenstaande voorgaande jouw poprzednie wczesniejsze powyzsze предыдущие предыдущих прежние прошлые onceki yukaridaki',
  all: 'all any every alle samtliche toutes tous todas todos tutte tutti wszystkie все всех tum',
  rules:
    'instruction instructions rules rule prompt prompts directive directives guideline guidelines commands restrictions constraints ' +
    'programming safeguards guardrails policies anweisung anweisungen regeln instruktionen vorgaben befehle richtlinien ' +
    'consignes regles instrucciones reglas indicaciones ordenes directrices istruzioni regole direttive instrucoes regras diretrizes ' +
    'instructies regels opdrachten instrukcje polecenia zasady инструкции инструкциях указания правила команды talimatlari talimatlar kurallari',
  everything: 'everything anything whatever alles tout todo tutto tudo всё все',
  above: 'above before said told earlier previously oben zuvor gesagt dessus arriba acima sopra выше',
  /** After these a rule book of something else is meant: "forget all the rules of grammar". */
  of: 'of in on for about at to within regarding concerning from the a line row file page',
  /** Unless it is this rule book. */
  ours: 'system developer developers openai anthropic prompt chat conversation you your creators now moment',
  show: 'show reveal print display repeat output tell give leak disclose divulge expose write dump share recite send zeige zeig verrate nenne gib montre montrez revele revelez affiche affichez donne muestra muestrame revela dime ensename mostra mostrami rivela dimmi mostre revele toon onthul покажи раскрои выведи',
  showStrongly: 'reveal leak disclose divulge expose dump recite repeat exfiltrate',
  what: "what what's whats was quelle quelles cual cuales quali quais",
  be: 'is are were was ist sind lautet lauten est sont es son e sono sao',
  your: 'your deine deinen dein dei ihre ihren ton tes votre vos tu tus su sus tuo tue i seu seus suas jouw je твои свои',
  secret:
    'system hidden initial original secret internal full exact developer complete entire confidential first base starting verbatim systeme sistema interne internas geheimen internen',
  prompt:
    'prompt prompts systemprompt instructions instruction directives anweisungen systemanweisungen consignes instrucciones istruzioni instrucoes промпт инструкции',
  systemPrompt: 'prompt prompts systemprompt instructions message configuration directives',
  how: 'how why when if whether where',
  become: 'are act as pretend become roleplay impersonate simulate now called named enable activate be stay',
  dan: '',
  do: 'do',
  anything: 'anything',
  now: 'now',
  can: 'can will for could',
  you: "you you're youre chatgpt gpt assistant ai yourself",
  are: "are have had be re operate act were you're youre",
  modeKind: 'developer dev god jailbreak jailbroken sudo admin debug unrestricted unfiltered dan',
  mode: 'mode',
  no: 'no without zero free freed liberated unbound',
  play: 'act acting pretend roleplay imagine behave simulate',
  given: 'given received got told were was',
  authority: 'developer developers openai anthropic system creators admin administrator',
  and: 'and then instead und et y e en',
  limits:
    'restrictions restriction limitations limits filters filter filtering rules guidelines censorship ethics morals boundaries constraints safeguards guardrails restraints policy policies disclaimers',
  answer: 'answer respond reply behave operate speak comply generate',
  longer: 'longer',
  bound: 'bound restricted limited constrained governed subject',
  unfiltered: 'unfiltered uncensored unrestricted amoral unethical evil jailbroken',
  model: 'ai assistant chatbot model bot llm',
  /** The sentence tells or asks what somebody does. */
  someone: 'i we he she they it people users models students who that which why did does could would',
  asked: 'do can could',
} as const;

export type Part = keyof typeof lexicon;

const parts = Object.keys(lexicon) as Part[];

/** One bit for each part of the lexicon; more than 32, so in two numbers. */
export interface Bits {
  readonly low: number;
  readonly high: number;
}

export function bitsOf(part: Part): Bits {
  const at = parts.indexOf(part);
  return at < 31 ? { low: 1 << at, high: 0 } : { low: 0, high: 1 << (at - 31) };
}

function build(): ReadonlyMap<string, Bits> {
  const words = new Map<string, Bits>();
  for (const part of parts) {
    const { low, high } = bitsOf(part);
    for (const word of lexicon[part].split(' ')) {
      if (word === '') continue;
      const had = words.get(word);
      words.set(word, { low: (had?.low ?? 0) | low, high: (had?.high ?? 0) | high });
    }
  }
  return words;
}

/** What a word means; absent: nothing to us. */
export const meanings = build();
