//! What is asked of the simulated networks: from options to a shape, or a reason why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;
use simulator::Plan;
use simulator::plan::{FaultClass, LatencyTable, Shape, ShapeError, shape};

use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::keys::closest;

/// Options on what networks are like. What is not given is drawn from the seed.
#[derive(Debug, clap::Args)]
pub struct ShapeArgs {
    /// The height that everybody must reach [default: drawn, 20 to 50].
    #[arg(long, value_name = "COUNT")]
    heights: Option<u64>,
    /// How many validators there are [default: drawn, 4, 5, 7 or 10]. With `--model` several
    /// counts with commas between them give a column each [default: 4].
    #[arg(long, value_name = "COUNT", value_delimiter = ',')]
    validators: Vec<usize>,
    /// How many of them are Byzantine [default: drawn, below a third of the power].
    #[arg(long, value_name = "COUNT")]
    byzantine: Option<usize>,
    /// Let Byzantine validators have a third of the power and more. Then forks are possible, and
    /// must be proven against the guilty.
    #[arg(long)]
    beyond_a_third: bool,
    /// What may go wrong: names with commas between them, `all` or `none`; `list` prints all names.
    /// Each is present in half of the seeds.
    #[arg(long, value_name = "LIST", default_value = "all")]
    faults: String,
    /// How messages travel: `lan`, `wan` (regions of a cloud, all over the world), or a file with a
    /// table of latencies (TOML: places, one_way_ms, jitter_ms) [default: drawn].
    #[arg(long, value_name = "lan|wan|FILE")]
    network: Option<String>,
    /// Run whole nodes: stores, mempools, kvstores and clients besides consensus. Costs more.
    #[arg(long)]
    whole: bool,
    /// Check real signatures in all networks, not in one of a hundred.
    #[arg(long)]
    real_signatures: bool,
}

impl ShapeArgs {
    /// Whether only the names of faults are wanted.
    pub fn wants_list(&self) -> bool {
        self.faults == "list"
    }

    /// Whether anything is asked of the network.
    pub fn is_given(&self) -> bool {
        !self.line().is_empty()
    }

    /// The options again, as they were given.
    pub fn line(&self) -> String {
        let mut line = String::new();
        let mut option = |name: &str, given: Option<String>| {
            if let Some(given) = given {
                line.push_str(&format!(" --{name}{given}"));
            }
        };
        let number = |count: usize| format!(" {count}");
        option("heights", self.heights.map(|count| format!(" {count}")));
        for &count in &self.validators {
            option("validators", Some(number(count)));
        }
        option("byzantine", self.byzantine.map(number));
        option("beyond-a-third", self.beyond_a_third.then(String::new));
        option("faults", (self.faults != "all").then(|| format!(" {}", self.faults)));
        option("network", self.network.as_ref().map(|it| format!(" {it}")));
        option("whole", self.whole.then(String::new));
        option("real-signatures", self.real_signatures.then(String::new));
        line
    }

    /// What they ask for.
    ///
    /// # Errors
    /// If a fault has no such name, or a file is no table of latencies.
    pub fn shape(&self) -> Result<Shape, Complaint> {
        if 1 < self.validators.len() {
            let problem = format!("{} counts for one network", self.validators.len());
            let remedy = "give one, or add --model, which compares networks";
            return Err(Complaint::new("--validators", "", problem, remedy));
        }
        Ok(Shape {
            validators: self.validators.first().copied(),
            byzantine: self.byzantine,
            beyond_a_third: self.beyond_a_third,
            heights: self.heights,
            faults: faults(&self.faults)?,
            whole: self.whole,
            network: terrain(self.network.as_deref())?,
            signatures: if self.real_signatures {
                shape::Signatures::Real
            } else {
                shape::Signatures::default()
            },
            ..Shape::default()
        })
    }
}

impl ShapeArgs {
    /// What of it a performance model takes: the sizes of networks, the heights, and how messages
    /// travel.
    ///
    /// # Errors
    /// If something else is asked for, or a file is no table of latencies.
    pub fn of_model(&self) -> Result<(Vec<usize>, Option<u64>, shape::Terrain), Complaint> {
        let refuse = |option: &str, problem: &str| {
            Err(Complaint::new(option, "", problem, "leave it out, or leave out --model"))
        };
        if self.byzantine.is_some_and(|count| 0 < count) || self.beyond_a_third {
            return refuse("--byzantine", "all are honest in a performance model");
        }
        if !["all", "none"].contains(&self.faults.as_str()) {
            return refuse("--faults", "nothing goes wrong in a performance model");
        }
        if self.whole {
            return refuse("--whole", "a performance model has machines of its own");
        }
        if self.real_signatures {
            let problem = "a performance model charges what signatures cost, and makes none";
            return refuse("--real-signatures", problem);
        }
        Ok((self.validators.clone(), self.heights, terrain(self.network.as_deref())?))
    }
}

/// The plan of a seed.
///
/// # Errors
/// If no plan has this shape.
pub fn draw(seed: u64, shape: &Shape) -> Result<Plan, Complaint> {
    Plan::draw(seed, shape).map_err(|error| {
        let (option, remedy) = match &error {
            ShapeError::Validators { .. } => ("--validators", "give another number"),
            ShapeError::Heights { .. } => ("--heights", "give another number"),
            ShapeError::Byzantine { .. } => ("--byzantine", "give fewer, or more --validators"),
            ShapeError::BeyondAThird { .. } => {
                ("--byzantine", "give fewer, more --validators, or add --beyond-a-third")
            }
            ShapeError::BelowAThird { .. } => {
                ("--beyond-a-third", "leave it out, or give more with --byzantine")
            }
            ShapeError::HonestAmnesia => {
                ("--faults", "allow some with --byzantine, or leave it out")
            }
            ShapeError::Table { .. } => ("--network", "see docs/SIMULATOR.md for the form"),
            ShapeError::PowersCount { .. }
            | ShapeError::PowersRange
            | ShapeError::NoThird { .. }
            | ShapeError::FullNodes { .. }
            | ShapeError::NoVices => ("simulate", "leave an option out"),
        };
        Complaint::new(option, "", error.to_string(), remedy)
    })
}

/// Prints the names of faults.
pub fn list_faults(around: &Surroundings) {
    let names: Vec<&str> = FaultClass::all().map(FaultClass::name).collect();
    if around.json {
        println!("{:#}", json!(names));
    } else {
        println!("{}", names.join("\n"));
    }
}

fn faults(list: &str) -> Result<BTreeSet<FaultClass>, Complaint> {
    match list {
        "all" => return Ok(FaultClass::all().collect()),
        "none" => return Ok(BTreeSet::new()),
        _ => {}
    }
    let parse = |name: &str| {
        name.trim().parse::<FaultClass>().map_err(|error| {
            let names = FaultClass::all().map(FaultClass::name);
            let remedy = match closest(name.trim(), names) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => "see `lockstep simulate --faults list`".to_owned(),
            };
            Complaint::new("--faults", "", error.to_string(), remedy)
        })
    };
    list.split(',').map(parse).collect()
}

fn terrain(network: Option<&str>) -> Result<shape::Terrain, Complaint> {
    Ok(match network {
        None => shape::Terrain::Any,
        Some("lan") => shape::Terrain::Lan,
        Some("wan") => shape::Terrain::Wan,
        Some(file) => shape::Terrain::Table(table(&PathBuf::from(file))?),
    })
}

fn table(file: &Path) -> Result<LatencyTable, Complaint> {
    let complain = |problem: String| {
        let remedy = "give lan, wan, or a TOML file as docs/SIMULATOR.md has it";
        Complaint::new(format!("--network {}", file.display()), "", problem, remedy)
    };
    let text = std::fs::read_to_string(file).map_err(|error| complain(error.to_string()))?;
    toml::from_str(&text).map_err(|error| complain(error.message().to_owned()))
}
