//! The services' images as they are given out: the release programs, checked, packed again, and with
//! `WICKR_BUILD_TWICE` in the environment built twice from nothing.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

use wickr_images::image::Base;
use wickr_images::{Made, SERVICES, Tree, make, reproduce};
use wickr_steps::command::{command, run};
use wickr_steps::packages::packages;

#[test]
fn images_made_again_elsewhere_are_the_same_to_the_byte() {
    let (tree, base, out) = (Tree::here().unwrap(), Base::here(), tempfile::tempdir().unwrap());
    if std::env::var_os("WICKR_BUILD_TWICE").is_some() {
        for made in reproduce(&tree, base, &tree.target.join("reproduce")).unwrap() {
            println!("{} {} twice", made.service.name, made.digest);
        }
    }
    let programs = tree.build().unwrap();
    // The same programs, with other times and in another folder.
    let copies = out.path().join("copies");
    fs::create_dir(&copies).unwrap();
    for service in SERVICES {
        fs::write(copies.join(service.name), fs::read(programs.join(service.name)).unwrap()).unwrap();
        let one = make(service, base, &tree, &programs, &out.path().join("one")).unwrap();
        let other = make(service, base, &tree, &copies, &out.path().join("another")).unwrap();
        assert_eq!(one.digest, other.digest);
        assert_eq!(files(&one), files(&other));
        assert_eq!(read_by_skopeo(&one), one.digest);
        println!("{} {}: {} bytes of at most {}", service.name, one.digest, one.size, service.limit);
    }
}

#[test]
fn an_image_too_large_and_a_program_that_names_its_source_are_refused() {
    let (tree, base, out) = (Tree::here().unwrap(), Base::here(), tempfile::tempdir().unwrap());
    let refused = |limit, program: &Path| {
        let mut service = SERVICES[1];
        service.limit = limit;
        fs::copy(program, out.path().join(service.name)).unwrap();
        make(service, base, &tree, out.path(), out.path()).unwrap_err().to_string()
    };
    let large = refused(1_000_000, &tree.build().unwrap().join("wickr-server"));
    assert!(large.contains("more than it may"), "{large}");
    let leaking = refused(usize::MAX, &std::env::current_exe().unwrap());
    assert!(leaking.contains("names the source's folder"), "{leaking}");
}

/// The digest as a tool finds it that docs/images.md pushes with: Debian's, and none of ours.
fn read_by_skopeo(made: &Made) -> String {
    packages(&[("skopeo", "skopeo")]).unwrap();
    let archive = format!("oci-archive:{}", made.archive.display());
    let told = run(&mut command("skopeo", ["inspect", "--format", "{{.Digest}}", &archive])).unwrap();
    told.trim().to_owned()
}

fn files(made: &Made) -> [Vec<u8>; 2] {
    [&made.archive, &made.bill].map(|path| fs::read(path).unwrap())
}
