const list = (text: string) => new Set(text.trim().split(/\s+/));

/** Said before a question, and no part of it. */
export const courtesies = list('please hi hello hey thanks bitte hallo danke bonjour salut merci hola gracias');

/** Two questions of which only one has such a word, or another one, do not ask for the same. */
export const telling = list(`
  who whom whose when where why how which what wer wem wen wann wo wohin woher warum wieso wie welche welcher welches was
  qui quand où pourquoi comment combien quel quelle quels quelles quién quiénes cuándo dónde qué cómo cuánto cuánta cuál
  not no never none nobody nothing neither nor cannot nicht kein keine keinen nie niemals ohne pas ne jamais aucun sans nunca ningún sin
  all every each any some only both either most least more less many much few always often first last next previous
  alle jede jeder nur mehr weniger tous toutes chaque plus moins seulement todos todas cada más menos solo
  on off in out up down open opened close closed start started stop stopped enable enabled disable disabled
  allow allowed deny denied forbid forbidden permit grant revoke block unblock lock unlock add remove delete insert
  increase decrease raise lower rise fall maximum minimum max min highest lowest best worst good bad better worse
  buy sell import export upload download install uninstall encrypt decrypt accept reject include exclude
  true false same different similar opposite safe unsafe legal illegal valid invalid possible impossible
  before after above below over under inside outside left right north south east west today tomorrow yesterday
  cheap expensive fast slow hot cold old new early late short long small large big high low
  male female man woman boy girl mother father husband wife
  ein aus auf zu vor nach mit gegen avec contre avant après con contra antes después
`);

/** What stands after such a word is what the question is about. */
export const pointing = list(`
  of in for with without about by at on from into onto than via using between against versus vs since until before after through as
  von nach für mit ohne über bei aus als zwischen gegen seit bis durch im am vom zum zur
  de du des pour avec sans dans sur chez contre entre depuis en para con sin por sobre desde hasta
`);

/** `to` after one of these begins an infinitive: it points at nothing. */
export const beforeInfinitive = list(
  'how want wants need needs like have has able way ways try trying going where what when whether ought wish',
);

export const articles = list(`
  a an the my our your his her its their this that these those der die das den dem des ein eine einen einem einer mein meine meinen
  le la les un une mon ma mes el los las una mi mis
`);
